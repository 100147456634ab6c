"""Compiles the core: each `.pyx` file lies beside the Python module that owns the arguments of its functions.

The C compiler of the system is all that is needed. RLCODEC_BUILD names other builds, for tests: `checked` adds bounds checks,
`sanitized` also AddressSanitizer and UndefinedBehaviorSanitizer, and `fuzzed` also calls of `__sanitizer_cov_trace_pc`, which
`benchmarks/fuzz_counters.c` defines. They use no instructions beyond the oldest processor's.
"""

import os
import subprocess
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).parent
BUILDS = ("release", "checked", "sanitized", "fuzzed")
STABLE_ABI, STABLE_ABI_TAG = "0x030b0000", "cp311"
"""The oldest CPython that the modules load in."""
VIEWS = "rlcodec.core._memory_views"
"""The module that holds Cython's own code for arrays, once for all modules."""


def compiler_arguments(build: str) -> tuple[list[str], list[str]]:
    """Arguments for compiling and for linking. Sums of floats keep their order, and products are not fused with sums."""
    if sys.platform == "win32":
        return ["/O2", "/fp:precise"], []
    arguments = ["-fwrapv", "-ffp-contract=off", "-fno-math-errno", "-Wno-unused-function"]
    strip = ["-Wl,-s"] if sys.platform == "linux" else []
    if build == "release":
        return ["-O3", "-g0", *arguments], strip
    if build == "checked":
        return ["-O1", "-g0", *arguments], strip
    sanitizers = ["-fsanitize=address,undefined,bounds-strict,float-cast-overflow", "-fno-omit-frame-pointer"]
    if build == "fuzzed":  # the fuzzer brings the library of the sanitizers
        return ["-O2", "-g1", *arguments, *sanitizers, "-fsanitize-coverage=trace-pc"], []
    return ["-O1", "-g1", *arguments, *sanitizers], sanitizers


def extensions(build: str) -> list[Extension]:
    """All modules of the core, translated to C."""
    compiling, linking = compiler_arguments(build)
    checked = build != "release"
    macros: list[tuple[str, str | None]] = [("Py_LIMITED_API", STABLE_ABI)]
    macros += [("RL_ONE_INSTRUCTION_SET", "1")] * checked + [("RL_FUZZED", "1")] * (build == "fuzzed")

    def extension(name: str, source: Path) -> Extension:
        return Extension(
            name,
            [os.fspath(source.relative_to(ROOT))],
            include_dirs=["rlcodec/core"],
            define_macros=macros,
            py_limited_api=True,
            extra_compile_args=compiling,
            extra_link_args=linking,
        )

    views = ROOT / "build" / "generated" / "_memory_views.c"
    views.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "cython", f"--generate-shared={views}"], check=True, cwd=ROOT)
    sources = sorted(ROOT.glob("rlcodec/**/*.pyx"))
    modules = [extension(".".join(source.relative_to(ROOT).with_suffix("").parts), source) for source in sources]
    translated = cythonize(
        modules,
        build_dir=os.path.join("build", "generated", build),
        nthreads=os.cpu_count() or 1,
        shared_utility_qualified_name=VIEWS,
        compiler_directives={
            "language_level": 3,
            "boundscheck": checked,
            "initializedcheck": checked,
            "wraparound": False,
            "cdivision": False,
            "binding": True,
        },
    )
    return [extension(VIEWS, views), *translated]


class BuildCore(build_ext):
    """Compiles the modules side by side, and says in one line what is missing."""

    def finalize_options(self) -> None:
        """Uses all cores."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        """Compiles all modules."""
        try:
            super().run()
        except (BaseError, CCompilerError, OSError) as error:
            sys.exit(
                f"rlcodec: its core could not be compiled ({error}). Installing from source needs a C compiler, such as gcc or "
                "clang, and the headers of Python; a wheel needs neither."
            )


class StableWheel(bdist_wheel):
    """A wheel that is good for this and all later versions of CPython."""

    def get_tag(self) -> tuple[str, str, str]:
        """Tag of the wheel."""
        _, _, platform = super().get_tag()
        return STABLE_ABI_TAG, "abi3", platform


build = os.environ.get("RLCODEC_BUILD", "release")
if build not in BUILDS:
    sys.exit(f"RLCODEC_BUILD is {build!r}; it can be {', '.join(BUILDS)}")
setup(ext_modules=extensions(build), cmdclass={"build_ext": BuildCore, "bdist_wheel": StableWheel})
