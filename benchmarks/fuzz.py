"""Coverage-guided fuzzing of the decoders, of collections and of `rlcodec.inspect`, on a build under sanitizers.

Needs gcc and `pip install atheris`, which brings libFuzzer. The package is built for it in `build/fuzz`, with bounds checks,
AddressSanitizer and UndefinedBehaviorSanitizer. The fuzzer sees which branches of Python and which basic blocks of compiled
loops an input reaches, and mutates the inputs that reached new ones. `benchmarks/fuzz_targets.py` says what inputs mean, and
which results are findings. A finding is saved, and fuzzing goes on until the time is over. Inputs are kept for the next run.
"""

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "fuzz"
TREE, SHIM = WORK / "tree", WORK / "fuzz_counters.so"
TARGET_NAMES = ("mnist", "photo", "compact", "collection", "inspect")
MOST_BYTES = 4096
"""Longest input."""
MOST_MEMORY_MIB = 3072
"""Of the process, whose memory the sanitizers multiply."""
HANGING_SECONDS = 120
MOST_FINDINGS = 20
SANITIZER_OPTIONS = (
    "detect_leaks=0:verify_asan_link_order=0:allocator_may_return_null=1:quarantine_size_mb=32:max_malloc_fill_size=1048576"
)
"""Fresh memory is filled with a pattern, so that results show if it is read before it is written."""
SUMMARY = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/\S+")
ERROR = re.compile(r"runtime error: .*|ERROR: AddressSanitizer: .*|Uncaught Python exception: ===\n.*|ERROR: libFuzzer: .*")
STARTED = "INFO: Seed: "


def update_build() -> None:
    """Builds the package for fuzzing; a second time only what changed."""
    TREE.mkdir(parents=True, exist_ok=True)
    setup = TREE / "setup.py"
    if setup.exists() and setup.read_bytes() != (ROOT / "setup.py").read_bytes():
        shutil.rmtree(TREE)
        TREE.mkdir()
    for stale in [path for path in TREE.glob("rlcodec/**/*.py*") if not (ROOT / path.relative_to(TREE)).exists()]:
        stale.unlink()
        stale.with_suffix(".abi3.so").unlink(missing_ok=True)
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "rlcodec", TREE / "rlcodec", ignore=ignored, dirs_exist_ok=True)
    for name in ("envs", "agents"):
        shutil.copytree(ROOT / name, TREE / "rlcodec" / name, ignore=ignored, dirs_exist_ok=True)
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy2(ROOT / name, TREE / name)
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    with open(WORK / "build.log", "w") as log:
        done = subprocess.run(build, cwd=TREE, env={**os.environ, "RLCODEC_BUILD": "fuzzed"}, stdout=log, stderr=log)
    if done.returncode:
        sys.exit(f"the package could not be built; see {log.name}")
    source = ROOT / "benchmarks" / "fuzz_counters.c"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", SHIM, source], check=True)


def environment() -> dict[str, str]:
    """Environment variables of a process that runs the build."""
    atheris = importlib.util.find_spec("atheris")
    if atheris is None or atheris.origin is None:
        sys.exit("atheris is missing: pip install atheris")
    runtime = Path(atheris.origin).parents[1] / "asan_with_fuzzer.so"
    return {
        **os.environ,
        "LD_PRELOAD": f"{SHIM} {runtime}",
        "ASAN_OPTIONS": SANITIZER_OPTIONS,
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONPATH": f"{TREE}{os.pathsep}{ROOT / 'benchmarks'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }


def fuzz(target: str, seconds: int) -> None:
    """Fuzzes in this process, which the first finding ends."""
    import atheris

    folder = WORK / target
    with atheris.instrument_imports(include=["rlcodec"]):
        import fuzz_targets
    if not Path(fuzz_targets.rlcodec.__file__).is_relative_to(TREE):
        sys.exit(f"{fuzz_targets.rlcodec.__file__} is not the build for fuzzing")
    chosen, corpus, last = fuzz_targets.TARGETS[target], folder / "corpus", folder / "last"
    if not corpus.exists():
        corpus.mkdir(parents=True)
        for number, seed in enumerate(chosen.seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)
    fuzz_targets.watch_loops()

    def run(data: bytes) -> None:
        last.write_bytes(data)  # UndefinedBehaviorSanitizer ends the process before libFuzzer can save the input
        fuzz_targets.watch(chosen.run, data)

    flags = {
        "max_total_time": seconds, "max_len": MOST_BYTES, "rss_limit_mb": MOST_MEMORY_MIB, "timeout": HANGING_SECONDS,
        "exact_artifact_path": folder / "artifact", "print_final_stats": 1,
    }  # fmt: skip
    atheris.Setup([sys.argv[0], *(f"-{name}={value}" for name, value in flags.items()), os.fspath(corpus)], run)
    # Loops count in a table of their own, which libFuzzer takes beside that of Python's branches.
    ctypes.CDLL(os.fspath(SHIM)).rl_register()
    atheris.Fuzz()


def in_turns(target: str, seconds: int) -> dict[str, int | float]:
    """Fuzzes in processes, one after another, until the time is over; returns counts and findings by message.

    Raises:
        SystemExit: the fuzzer does not start.
    """
    folder = WORK / target
    folder.mkdir(exist_ok=True)
    started, runs, reached, findings = time.monotonic(), 0, {}, Counter[str]()
    command = [sys.executable, "-c", "import sys, fuzz; fuzz.fuzz(sys.argv[1], int(sys.argv[2]))", target]
    while (left := seconds - int(time.monotonic() - started)) > 0 and findings.total() < MOST_FINDINGS:
        done = subprocess.run([*command, str(left)], env=environment(), capture_output=True, text=True, errors="replace")
        output = done.stdout + done.stderr
        with open(folder / "log", "a") as log:
            log.write(output)
        if STARTED not in output:
            sys.exit(f"the fuzzer does not start:\n{output[-4000:]}")
        if lines := SUMMARY.findall(output):
            runs += int(lines[-1][0])
            reached = dict(zip(("coverage", "features", "inputs kept"), map(int, lines[-1][1:]), strict=True))
        if done.returncode:
            error = ERROR.search(output)
            findings[error[0].split("\n")[-1] if error else f"exit status {done.returncode}"] += 1
            shutil.copy(folder / "last", folder / f"finding-{int(time.time())}")
    taken = time.monotonic() - started
    found = {f"FINDING: {what}": count for what, count in findings.items()}
    return {"inputs": runs, "inputs per second": runs / taken, **reached, **found}


def main() -> None:
    """Builds, fuzzes and prints."""
    from common import arguments, print_result  # not before: it would import the package without counting

    parser = arguments(__doc__, data=False)
    parser.add_argument("--target", action="append", choices=TARGET_NAMES, help="all if none is given; several take turns")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    options = parser.parse_args()
    update_build()
    result = {}
    for target in options.target or TARGET_NAMES:
        result |= {f"{target}: {what}": value for what, value in in_turns(target, options.seconds).items()}
    print_result(options, result)
    sys.exit(any("FINDING" in what for what in result))


if __name__ == "__main__":
    main()
