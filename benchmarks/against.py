"""Speed of this version relative to another: coding, packing and environments, in two processes that take turns on one core.

OTHER_PYTHON is the interpreter of an environment in which the other version is installed. Ratios below 1 mean that this version
is faster.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import print_result, use_one_core

REPEATS = 15
ENVIRONMENTS, STEPS = 256, 50


def tasks(folder: Path) -> dict[str, Callable[[], object]]:
    """What is timed, by name; only functions that both versions have."""
    import gymnasium

    import rlcodec.envs
    from rlcodec.archive.packing import PackOptions, PackSource, pack_images

    digits, pictures = np.load(folder / "digits.npy"), [np.load(path) for path in sorted(folder.glob("photo-*.npy"))]
    out: dict[str, Callable[[], object]] = {}

    def coding(name: str, images: list[np.ndarray], **options: object) -> None:
        streams = [rlcodec.encode(image, **options) for image in images]
        out[f"{name}, encode"] = lambda: [rlcodec.encode(image, **options) for image in images]
        out[f"{name}, decode"] = lambda: [rlcodec.decode(data) for data in streams]

    for tier in ("table", "context", "lm"):
        coding(f"digits, tier {tier}", list(digits[: 4 if tier == "lm" else 20]), tier=tier)
    coding("digits, policy", list(digits[:20]), objective="balanced")
    for synthesis in ("plain", "light", "full"):
        coding(f"photographs, synthesis {synthesis}", pictures, preset="photo", objective="balanced", synthesis=synthesis)
    coding("photographs, compact", pictures[:1], preset="compact")
    coding("photographs, policy", pictures[:1], preset="photo", objective="balanced")

    sources = [PackSource(str(number), digit) for number, digit in enumerate(digits)]

    def pack() -> None:
        with tempfile.TemporaryDirectory() as work:
            pack_images(Path(work) / "digits.rlcz", sources, PackOptions(workers=1))

    out["digits, packing"] = pack
    environments = gymnasium.make_vec("rlcodec/AdaptiveRateFlat-v0", num_envs=ENVIRONMENTS, preset="mnist")
    environments.reset(seed=0)
    for kind, actions in {"legal": (1, 3), "any": (0, environments.single_action_space.n)}.items():
        chosen = np.random.default_rng(0).integers(*actions, (STEPS, ENVIRONMENTS))
        out[f"digits, environments, {kind} actions"] = lambda chosen=chosen: [environments.step(action) for action in chosen]
    return out


def serve(folder: Path) -> None:
    """Runs the tasks whose names come line by line, and answers with seconds."""
    use_one_core()
    known = tasks(folder)
    print(json.dumps(list(known)), flush=True)
    sys.stdin.readline()
    for line in sys.stdin:
        started = time.perf_counter()
        known[line.rstrip("\n")]()
        print(time.perf_counter() - started, flush=True)


def main() -> None:
    """Measures and prints."""
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]))
        return
    from rlcodec.training.data import load_images, load_pictures

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", type=Path, help="interpreter of the environment of the other version")
    parser.add_argument("data", type=Path, help="folder of idx files")
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--only", default="", help="only tasks with this in their names")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "digits.npy", load_images(options.data, "test", 200))
        for number, picture in enumerate(load_pictures(options.photos)[:2]):
            np.save(folder / f"photo-{number}.npy", picture)
        servers = [
            subprocess.Popen([python, __file__, "--serve", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for python in (sys.executable, options.python)
        ]

        def ask(server: subprocess.Popen, line: str) -> str:
            print(line, file=server.stdin, flush=True)
            return server.stdout.readline() if server.stdout else ""

        names, _ = (json.loads(ask(server, "")) for server in servers)
        result: dict[str, object] = {}
        for task in (name for name in names if options.only in name):
            times = np.empty((REPEATS + 1, 2))
            for repeat in range(REPEATS + 1):
                for which in (0, 1) if repeat % 2 else (1, 0):
                    times[repeat, which] = float(ask(servers[which], task))
            here, there = times[1:].T  # the first may fill caches
            result[task] = f"{np.median(here / there):.3f} ({1000 * np.median(here):.2f} ms here)"
        for server in servers:
            server.communicate()
    print_result(options, result)


if __name__ == "__main__":
    main()
