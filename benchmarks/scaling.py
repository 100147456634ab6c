"""How time and memory grow with images, pixels and environments, up to a thousandfold, and what a billion images cost.

Every measurement runs in a process of its own, on all cores, after a warm-up with the second smallest size of its kind.
Exponents are fitted to the logarithms. The cost of a unit is that of the largest measurement less the one before it, so that
starting up does not count.
"""

import json
import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, crops, in_process, print_result, seconds

import rlcodec
from rlcodec.envs.tasks import task_of
from rlcodec.training.data import load_images, load_pictures

SIDE = 128
"""Of the parts of photographs if there are many."""
GAIN = 200
BILLION = 1_000_000_000
YEAR_SECONDS = 365 * 86400
PPO_ROLLOUTS = 3


def digits(data: Path, photos: Path, count: int) -> np.ndarray:
    """Test digits, repeated if there are too few."""
    images = load_images(data, "test")
    return images[np.arange(count) % len(images)]


def parts(data: Path, photos: Path, count: int) -> list[np.ndarray]:
    """Parts of photographs."""
    return list(crops(load_pictures(photos), count, SIDE))


def mosaic(data: Path, photos: Path, count: int) -> np.ndarray:
    """One picture of so many pixels, a photograph repeated side by side and below."""
    picture = load_pictures(photos)[0]
    width = 8192 if count > 8192 * 256 else 1024
    height = count // width
    times = -(-height // picture.shape[0]), -(-width // picture.shape[1]), 1
    return np.ascontiguousarray(np.tile(picture, times)[:height, :width])


def learning(data: Path, photos: Path, count: int) -> Callable[[], object]:
    """Some rollouts and updates of PPO with so many episodes side by side."""
    # Torch would count in the memory of the other measurements.
    import torch

    from rlcodec.agents.hyperparameters import read_settings
    from rlcodec.agents.training import new_agent
    from rlcodec.envs.batch import Episodes
    from rlcodec.envs.sb3_vec_env import TraceVecEnv

    torch.distributions.Distribution.set_default_validate_args(False)
    task = task_of("mnist")
    trace = task.measure(task.samples())
    steps = 16
    settings = read_settings().with_values(n_envs=count, n_steps=steps, batch_size=steps * count // 4)
    agent = new_agent(TraceVecEnv(Episodes(task.process(trace, task.fit(trace)), count)), settings)
    return lambda: agent.learn(PPO_ROLLOUTS * steps * count)


@dataclass(frozen=True)
class Growth:
    """What grows.

    Attributes:
        prepare: from the folders of digits and photographs and a size to what `run` is given.
        run: what is measured.
        sizes: from small to large, each ten times the one before.
        unit: of the sizes, if a billion of them are of interest.
    """

    prepare: Callable[[Path, Path, int], Any]
    run: Callable[[Any], object]
    sizes: tuple[int, ...]
    unit: str = ""


encode_parts = partial(rlcodec.encode_many, preset="photo", gain=GAIN)
encode_mosaic = partial(rlcodec.encode, preset="photo", gain=GAIN, max_pixels=1 << 28)
GROWTHS = {
    "encode digits": Growth(digits, partial(rlcodec.encode_many, lossless=True), (30, 300, 3_000, 30_000), "digit"),
    "encode photographs": Growth(parts, encode_parts, (3, 30, 300, 3_000), f"photograph of {SIDE}x{SIDE}"),
    "encode pixels": Growth(mosaic, encode_mosaic, (1 << 16, 10 << 16, 100 << 16, 1000 << 16)),
    "trace digits": Growth(digits, lambda images: task_of("mnist").measure(images), (8, 80, 800), "digit"),
    "trace photographs": Growth(parts, lambda pictures: task_of("photo").measure(pictures), (1, 10, 100)),
    "PPO environments": Growth(learning, lambda learn: learn(), (16, 160, 1_600, 16_000)),
}


def measure(name: str, count: int, data: Path, photos: Path) -> None:
    """One measurement in this process; prints seconds and peak memory, of it and of its workers, as JSON."""
    growth = GROWTHS[name]
    growth.run(growth.prepare(data, photos, growth.sizes[1]))
    taken = seconds(partial(growth.run, growth.prepare(data, photos, count)))
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": taken, "mebibytes": peak / 1024}))


def exponent(counts: np.ndarray, values: np.ndarray) -> float:
    """The slope of logarithms."""
    return float(np.polyfit(np.log(counts), np.log(values), 1)[0])


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--steps", type=int, default=4, help="number of sizes, each ten times the one before")
    parser.add_argument("--only", choices=[*GROWTHS], help="measure only one of them")
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "COUNT"), help="measure one in this process")
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], int(options.measure[1]), options.data, options.photos)
        return
    result: dict[str, float] = {}
    for name, growth in GROWTHS.items():
        if options.only not in (None, name):
            continue
        sizes = growth.sizes[: options.steps]
        measured = [in_process(__file__, [options.data, options.photos, "--measure", name, count]) for count in sizes]
        for count, values in zip(sizes, measured, strict=True):
            result |= {f"{name}, {count}: {kind}": value for kind, value in values.items()}
        counts = np.array(sizes, float)
        taken, memory = (np.array([values[kind] for values in measured]) for kind in ("seconds", "mebibytes"))
        result[f"{name}: exponent of time, all sizes"] = exponent(counts, taken)
        result[f"{name}: exponent of time, the last two"] = exponent(counts[-2:], taken[-2:])
        result[f"{name}: exponent of peak memory, the last two"] = exponent(counts[-2:], memory[-2:])
        unit = (taken[-1] - taken[-2]) / (counts[-1] - counts[-2])
        result[f"{name}: milliseconds a unit, on all cores"] = 1000 * unit
        if growth.unit:
            result[f"{name}: years of this machine for a billion, a {growth.unit} each"] = unit * BILLION / YEAR_SECONDS
    print_result(options, result)


if __name__ == "__main__":
    main()
