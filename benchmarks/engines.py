"""Many files over two workers: how much faster than over one, what Ray costs beside the local engine, and whether memory grows.

Parts of photographs are encoded from files into files by what `rlcodec encode` runs, the engines in turns. Ray is started once
before, and its start counted by itself; actors start with every run, and count. Peak memory is that of a process of its own for
each engine and number of images; with Ray it is the one that asks, not its actors.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from common import arguments, print_result
from PIL import Image
from tqdm import tqdm

import rlcodec
from rlcodec.batch.files import ConvertOptions, convert_files, pair_files
from rlcodec.parallel.backends import LOCAL, RAY
from rlcodec.training.data import load_pictures

SIDE = 512
GAIN = 20
WORKERS = 2
FEWER = 10
"""Memory is measured at all images and at one in so many."""
WARM_UP = 8
ENGINES = {"one worker": (LOCAL, 1), "two workers": (LOCAL, WORKERS), "ray, two workers": (RAY, WORKERS)}


def encode_file(source: Any) -> bytes:
    """One photograph's stream."""
    return rlcodec.encode(source, preset="photo", gain=GAIN)


def write_crops(photos: Path, folder: Path, count: int, side: int) -> None:
    """So many squares of photographs as PNG files, each from a place of its own."""
    rng = np.random.default_rng(0)
    pictures = [picture for picture in load_pictures(photos) if min(picture.shape[:2]) >= side]
    folder.mkdir()
    for number in tqdm(range(count), "writing crops", leave=False, disable=None):
        picture = pictures[number % len(pictures)]
        y, x = (int(rng.integers(0, n - side + 1)) for n in picture.shape[:2])
        Image.fromarray(picture[y : y + side, x : x + side]).save(folder / f"{number:06}.png", compress_level=1)


def encode_folder(folder: Path, target: Path, engine: str, workers: int, limit: int | None = None) -> None:
    """Encodes a folder's files, the first `limit` of them."""
    pairs = pair_files([folder], target, ".rlc", lambda path: path.suffix == ".png")[:limit]
    outcomes = convert_files(pairs, encode_file, ConvertOptions(workers, backend=engine))
    failed = [outcome.error for outcome in outcomes if outcome.error]
    if failed:
        raise AssertionError(failed[0])


def start_ray() -> None:
    """A Ray of this machine, as the engine starts one where there is none."""
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, logging_level="ERROR", log_to_driver=False)


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def contents(folder: Path) -> dict[str, bytes]:
    """A folder's files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def measure_times(folder: Path, place: Path, repeats: int) -> dict[str, float]:
    """Seconds of each engine and their ratios, which are medians over the repeats; streams are compared."""
    ray_start = timed(start_ray)
    found: dict[str, list[float]] = {name: [] for name in ENGINES}
    for engine, workers in ENGINES.values():
        encode_folder(folder, place / "warm", engine, workers, WARM_UP)
    differing = 0
    for repeat in range(repeats):
        names = list(ENGINES) if repeat % 2 == 0 else list(ENGINES)[::-1]
        for name in tqdm(names, f"repeat {repeat + 1}", leave=False, disable=None):
            target = place / name
            shutil.rmtree(target, ignore_errors=True)
            found[name].append(timed(partial(encode_folder, folder, target, *ENGINES[name])))
        first = contents(place / "one worker")
        differing += sum(first != contents(place / name) for name in names)
    one, two, ray = (np.array(found[name]) for name in ENGINES)
    return {
        "engines whose streams differ from one worker's": differing,
        **{f"seconds, {name}": float(np.median(found[name])) for name in ENGINES},
        "seconds, starting ray": ray_start,
        "two workers: times as fast as one": float(np.median(one / two)),
        "ray: overhead on two workers, its start not counted": float(np.median(ray / two)) - 1,
        "ray: overhead on two workers, its start counted": float(np.median((ray + ray_start) / two)) - 1,
    }


def measure_memory(folder: Path, engine: str, workers: int, limit: int) -> None:
    """Encodes in this process and prints its peak memory, MiB."""
    with tempfile.TemporaryDirectory() as target:
        encode_folder(folder, Path(target), engine, workers, limit)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def memory_of(folder: Path, name: str, limit: int) -> float:
    """`measure_memory` in a process of its own."""
    command = [sys.executable, __file__, str(folder), "--memory", name, str(limit)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--images", type=int, default=1000, help="squares that are encoded")
    parser.add_argument("--side", type=int, default=SIDE, help="of each, pixels")
    parser.add_argument("--repeats", type=int, default=3, help="of the times")
    parser.add_argument("--memory", nargs=2, metavar=("ENGINE", "COUNT"), help="measure memory in this process, on files")
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.photos, *ENGINES[options.memory[0]], int(options.memory[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "crops"
        write_crops(options.photos, folder, options.images, options.side)
        result: dict[str, Any] = {"images": options.images, "side, pixels": options.side, "repeats": options.repeats}
        for kind in ENGINES:
            for count in (max(1, options.images // FEWER), options.images):
                result[f"peak MiB, {kind}, {count} images"] = memory_of(folder, kind, count)
        result |= measure_times(folder, Path(name), options.repeats)
    print_result(options, result)


if __name__ == "__main__":
    main()
