"""Checks what sdist and wheel hold: code, weights and licence in; tests, data, runs and documentation out."""

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = ("tests/", "runs/", "docs/", "benchmarks/", ".ci/", "data/")
MOST_BYTES = 16 << 20


def members(path: Path) -> set[str]:
    """Names of the files in an archive, without the folder that an sdist has all in."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def problems(path: Path) -> list[str]:
    """What is wrong with an archive."""
    found, wheel = members(path), path.suffix == ".whl"
    wanted = {f"rlcodec/{file.relative_to(ROOT / 'rlcodec')}" for file in (ROOT / "rlcodec").rglob("*.py")}
    wanted |= {"rlcodec/py.typed"}
    for folder in ("weights", "evaluation/report/page"):
        wanted |= {f"rlcodec/{folder}/{file.name}" for file in (ROOT / "rlcodec" / folder).iterdir()}
    for folder in ("envs", "agents"):
        wanted |= {f"{'rlcodec/' if wheel else ''}{folder}/{file.name}" for file in (ROOT / folder).glob("*.py")}
    wanted |= {f"{'rlcodec/' if wheel else ''}agents/{file.name}" for file in (ROOT / "agents").glob("*.yml")}
    out = [f"{path.name}: lacks {name}" for name in sorted(wanted - found)]
    out += [f"{path.name}: holds {name}" for name in sorted(found) if name.startswith(FORBIDDEN)]
    if not any(name.endswith("LICENSE") for name in found):
        out.append(f"{path.name}: lacks the licence")
    if path.stat().st_size > MOST_BYTES:
        out.append(f"{path.name}: has {path.stat().st_size} bytes, more than {MOST_BYTES}")
    return out


if __name__ == "__main__":
    wrong = [problem for name in sys.argv[1:] for problem in problems(Path(name))]
    sys.exit("\n".join(wrong) or 0)
