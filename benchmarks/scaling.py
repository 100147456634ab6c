"""How time and memory grow with images, pixels and environments, up to a thousandfold, and what a billion images cost.

Every measurement is a process of its own, on all cores, warmed up by the second smallest of its kind, so that caches hold none
of the smallest. Exponents are fitted to the logarithms; a cost a unit is that of the largest measurement, less that of the one
before, so that starting up is no part of it.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import arguments, print_result

import rlcodec
from rlcodec.training.data import load_images, load_pictures

SIDE = 128
"""Of the photographs' parts where there are many."""
SIZES = {
    "encode digits": (30, 300, 3_000, 30_000),
    "encode photographs": (3, 30, 300, 3_000),
    "encode pixels": (1 << 16, 10 << 16, 100 << 16, 1000 << 16),
    "trace digits": (8, 80, 800),
    "trace photographs": (1, 10, 100),
    "PPO environments": (16, 160, 1_600, 16_000),
}
UNITS = {"encode digits": "digit", "encode photographs": f"photograph of {SIDE}x{SIDE}", "trace digits": "digit"}
"""Of what a billion is told, by measurement."""
BILLION = 1_000_000_000
YEAR_SECONDS = 365 * 86400
PPO_ROLLOUTS = 3


def digits_of(data: Path, count: int) -> np.ndarray:
    """So many test digits, over and over."""
    images = load_images(data, "test")
    return images[np.arange(count) % len(images)]


def parts_of(photos: Path, count: int) -> list[np.ndarray]:
    """So many parts of photographs, each from a place of its own."""
    pictures, rng = [p for p in load_pictures(photos) if min(p.shape[:2]) >= SIDE], np.random.default_rng(0)
    parts = []
    for number in range(count):
        picture = pictures[number % len(pictures)]
        y, x = (rng.integers(0, n - SIDE + 1) for n in picture.shape[:2])
        parts.append(np.ascontiguousarray(picture[y : y + SIDE, x : x + SIDE]))
    return parts


def encode_digits(data: Path, photos: Path, count: int) -> Callable[[], object]:
    """Losslessly."""
    images = digits_of(data, count)
    return lambda: rlcodec.encode_many(images, lossless=True)


def encode_photographs(data: Path, photos: Path, count: int) -> Callable[[], object]:
    """At one gain."""
    pictures = parts_of(photos, count)
    return lambda: rlcodec.encode_many(pictures, preset="photo", gain=20)


def encode_pixels(data: Path, photos: Path, count: int) -> Callable[[], object]:
    """One picture of so many pixels, a photograph beside and below itself."""
    picture = load_pictures(photos)[0]
    width = 8192 if count > 8192 * 256 else 1024
    height = count // width
    times = -(-height // picture.shape[0]), -(-width // picture.shape[1]), 1
    large = np.ascontiguousarray(np.tile(picture, times)[:height, :width])
    return lambda: rlcodec.encode(large, preset="photo", gain=20, max_pixels=1 << 28)


def trace_digits(data: Path, photos: Path, count: int) -> Callable[[], object]:
    """The tables of digits."""
    from rlcodec.envs.mnist.trace import build_trace

    images = digits_of(data, count)
    return lambda: build_trace(images)


def trace_photographs(data: Path, photos: Path, count: int) -> Callable[[], object]:
    """The tables of photographs."""
    from rlcodec.envs.photo.trace import trace_pictures

    pictures = parts_of(photos, count)
    return lambda: trace_pictures(pictures)


def ppo_environments(data: Path, photos: Path, count: int) -> Callable[[], object]:
    """Some rollouts and updates, with so many episodes side by side."""
    import torch

    from rlcodec.agents.hyperparameters import read_settings
    from rlcodec.agents.ppo import new_agent
    from rlcodec.envs.sb3_vec_env import TraceVecEnv
    from rlcodec.envs.tasks import task_of

    torch.distributions.Distribution.set_default_validate_args(False)
    task = task_of("mnist")
    trace = task.trace(task.samples(), 1)
    settings = replace(read_settings(), n_envs=count, n_steps=16, batch_size=16 * count // 4)
    agent = new_agent(TraceVecEnv(task.episodes(trace, task.fit(trace), count)), settings)
    return lambda: agent.learn(PPO_ROLLOUTS * settings.n_steps * count)


MEASURES = dict(
    zip(
        SIZES,
        (encode_digits, encode_photographs, encode_pixels, trace_digits, trace_photographs, ppo_environments),
        strict=True,
    )
)


def measure(name: str, count: int, data: Path, photos: Path) -> None:
    """One measurement in this process; prints seconds and peak memory, of it and of its workers, as JSON."""
    MEASURES[name](data, photos, SIZES[name][1])()
    run = MEASURES[name](data, photos, count)
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": seconds, "mebibytes": peak / 1024}))


def exponent(counts: np.ndarray, values: np.ndarray) -> float:
    """The slope of logarithms."""
    return float(np.polyfit(np.log(counts), np.log(values), 1)[0])


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "")
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--steps", type=int, default=4, help="so many sizes, each ten times the one before")
    parser.add_argument("--only", choices=[*SIZES], help="nothing but one of them")
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "COUNT"), help="measure one in this process")
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], int(options.measure[1]), options.data, options.photos)
        return
    result: dict[str, float] = {}
    for name, sizes in SIZES.items():
        if options.only not in (None, name):
            continue
        found = []
        for count in sizes[: options.steps]:
            command = [sys.executable, __file__, options.data, options.photos, "--measure", name, count]
            done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(done.stdout))
            for kind, value in found[-1].items():
                result[f"{name}, {count}: {kind}"] = value
        counts, seconds = np.array(sizes[: len(found)], float), np.array([f["seconds"] for f in found])
        result[f"{name}: exponent of time, all sizes"] = exponent(counts, seconds)
        result[f"{name}: exponent of time, the last two"] = exponent(counts[-2:], seconds[-2:])
        result[f"{name}: exponent of peak memory, the last two"] = exponent(
            counts[-2:], np.array([f["mebibytes"] for f in found])[-2:]
        )
        unit = (seconds[-1] - seconds[-2]) / (counts[-1] - counts[-2])
        result[f"{name}: milliseconds a unit, on all cores"] = 1000 * unit
        if name in UNITS:
            result[f"{name}: years of this machine for a billion, a {UNITS[name]} each"] = unit * BILLION / YEAR_SECONDS
    print_result(options, result)


if __name__ == "__main__":
    main()
