"""Checks the contents of sdist and wheel: code, weights and licence are in; tests, data, runs and documentation are not."""

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = ("tests/", "runs/", "docs/", "benchmarks/", ".ci/", "data/", "build/")
MAX_BYTES = 16 << 20


def members(path: Path) -> set[str]:
    """Names of the files in an archive, without the top folder of an sdist."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def problems(path: Path) -> list[str]:
    """What is wrong with an archive, one line each."""
    held, is_wheel = members(path), path.suffix == ".whl"
    sources = ("*.py", "*.pyi") if is_wheel else ("*.py", "*.pyi", "*.pyx", "*.pxd", "*.h")
    wanted = {f"rlcodec/{file.relative_to(ROOT / 'rlcodec')}" for kind in sources for file in (ROOT / "rlcodec").rglob(kind)}
    wanted |= {"rlcodec/py.typed"}
    if is_wheel:
        wanted |= {f"{name.removesuffix('.pyi')}.abi3.so" for name in wanted if name.endswith(".pyi")}
    for folder in ("weights", "evaluation/report/page"):
        wanted |= {f"rlcodec/{folder}/{file.name}" for file in (ROOT / "rlcodec" / folder).iterdir()}
    parent = "rlcodec/" if is_wheel else ""
    for folder, pattern in (("envs", "*.py"), ("agents", "*.py"), ("agents", "*.yml")):
        wanted |= {f"{parent}{file.relative_to(ROOT)}" for file in (ROOT / folder).rglob(pattern)}
    out = [f"{path.name}: lacks {name}" for name in sorted(wanted - held)]
    out += [f"{path.name}: holds {name}" for name in sorted(held) if name.startswith(FORBIDDEN)]
    if not any(name.endswith("LICENSE") for name in held):
        out.append(f"{path.name}: lacks the licence")
    if path.stat().st_size > MAX_BYTES:
        out.append(f"{path.name}: has {path.stat().st_size} bytes, more than {MAX_BYTES}")
    return out


if __name__ == "__main__":
    wrong = [problem for name in sys.argv[1:] for problem in problems(Path(name))]
    sys.exit("\n".join(wrong) or 0)
