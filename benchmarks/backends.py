"""Many files over two workers: speed relative to one worker, the overhead of Ray relative to local workers, and memory.

Parts of photographs are encoded from files into files as by `rlcodec encode`, the backends in turns. Ray is started once
before, and its start is measured separately; actors start with every run and count. Peak memory is that of a process for each
backend and number of images; with Ray it is the driver's, not its actors'.
"""

import json
import os
import resource
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from common import arguments, crops, in_process, in_turns, print_result, seconds
from PIL import Image
from tqdm import tqdm

import rlcodec
from rlcodec.batch.files import convert_files, pair_files
from rlcodec.parallel.options import LOCAL, RAY, MapOptions
from rlcodec.training.data import load_pictures

SIDE = 512
GAIN = 200
WORKERS = 2
FEWER = 10
"""Memory is measured with all images and with one in so many."""
WARM_UP = 8
BACKENDS = {
    "one worker": MapOptions(LOCAL, 1, use_threads=True),
    "two workers": MapOptions(LOCAL, WORKERS, use_threads=True),
    "ray, two workers": MapOptions(RAY, WORKERS),
}


def encode_files(sources: list[Any]) -> list[bytes]:
    """The streams of photographs."""
    return [rlcodec.encode(source, preset="photo", gain=GAIN) for source in sources]


def write_crops(photos: Path, folder: Path, count: int, side: int) -> None:
    """Writes squares of photographs as PNG files."""
    folder.mkdir()
    pixels = tqdm(crops(load_pictures(photos), count, side), "writing crops", count, leave=False, disable=None)
    for number, crop in enumerate(pixels):
        Image.fromarray(crop).save(folder / f"{number:06}.png", compress_level=1)


def encode_folder(folder: Path, target: Path, options: MapOptions, limit: int | None = None) -> None:
    """Encodes the first `limit` files of a folder."""
    pairs = pair_files([folder], target, ".rlc", lambda path: path.suffix == ".png")[:limit]
    failed = [outcome.error for outcome in convert_files(pairs, encode_files, options) if outcome.error]
    if failed:
        raise AssertionError(failed[0])


def start_ray() -> None:
    """Starts Ray on this machine, as the backend does if there is none."""
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, logging_level="ERROR", log_to_driver=False)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def measure_times(folder: Path, place: Path, repeats: int) -> dict[str, float]:
    """Median seconds of each backend and medians of their ratios; streams are compared.

    Args:
        folder: of the photographs.
        place: where streams are written.
        repeats: of the times.
    """
    ray_start = seconds(start_ray)
    for options in BACKENDS.values():
        encode_folder(folder, place / "warm", options, WARM_UP)

    def run(name: str) -> None:
        shutil.rmtree(place / name, ignore_errors=True)
        encode_folder(folder, place / name, BACKENDS[name])

    times = in_turns([partial(run, name) for name in BACKENDS], repeats)
    reference = contents(place / "one worker")
    differing = sum(reference != contents(place / name) for name in BACKENDS)
    one, two, ray = times.T
    return {
        "backends whose streams differ from one worker's": differing,
        **{f"seconds, {name}": float(np.median(column)) for name, column in zip(BACKENDS, times.T, strict=True)},
        "seconds, starting ray": ray_start,
        "two workers: times as fast as one": float(np.median(one / two)),
        "ray: overhead on two workers, its start not counted": float(np.median(ray / two)) - 1,
        "ray: overhead on two workers, its start counted": float(np.median((ray + ray_start) / two)) - 1,
    }


def measure_memory(folder: Path, name: str, limit: int) -> None:
    """Encodes in this process and prints its peak memory in MiB."""
    with tempfile.TemporaryDirectory() as target:
        encode_folder(folder, Path(target), BACKENDS[name], limit)
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--images", type=int, default=1000, help="squares that are encoded")
    parser.add_argument("--side", type=int, default=SIDE, help="of each, pixels")
    parser.add_argument("--repeats", type=int, default=3, help="of the times")
    parser.add_argument("--memory", nargs=2, metavar=("BACKEND", "COUNT"), help="measure memory in this process, on files")
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.photos, options.memory[0], int(options.memory[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "crops"
        write_crops(options.photos, folder, options.images, options.side)
        result: dict[str, Any] = {"images": options.images, "side, pixels": options.side, "repeats": options.repeats}
        for backend in BACKENDS:
            for count in (max(1, options.images // FEWER), options.images):
                peak = in_process(__file__, [folder, "--memory", backend, count])
                result[f"peak MiB, {backend}, {count} images"] = float(peak)
        result |= measure_times(folder, Path(name), options.repeats)
    print_result(options, result)


if __name__ == "__main__":
    main()
