"""Many images at once, over all cores: the same bytes and pixels as one by one, in the same order."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

from PIL import Image

from rlcodec.api import DEFAULT_PRESET, decode, encode, parse, report_cut
from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.errors import OptionError
from rlcodec.images.gray import ImageLike
from rlcodec.presets.registry import preset_by_name

Item = TypeVar("Item")
Result = TypeVar("Result")


def encode_many(
    images: Iterable[ImageLike], *, workers: int | None = None, device: str | None = None, **options: Any
) -> list[bytes]:
    """Encodes images, each into a stream of its own.

    The compiled loops hold no lock, so threads share the cores. With a device, tier `lm` runs there for many images at once.

    Args:
        images: as `encode` takes them, the same one as often as you like; a uint8 array (n, height, width) is n of them.
        workers: threads; as many as there are cores when None.
        device: "cuda" or another of torch's, with `tier="lm"`; needs torch.
        options: of `encode`, the same for all; with a device `preset`, `tier`, `bit_budget` and `rows`.

    Returns:
        The streams, in the order of the images; a device changes no byte.

    Raises:
        RlcodecError: as `encode`, of the first image that fails.
    """
    if device is not None:
        return _encode_on_device(images, device, **options)
    locks: dict[int, Lock] = {}

    def run(image: ImageLike) -> bytes:
        with locks.setdefault(id(image), Lock()):  # Pillow reads an image when it is needed, and cannot do so in two threads
            return encode(image, **options)

    return _map(run, images, workers)


def decode_many(
    streams: Iterable[bytes], *, partial: bool = True, workers: int | None = None, device: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> list[Image.Image]:  # fmt: skip
    """Decodes streams.

    With a device, the network of tier `lm` runs there for many streams at once; other tiers run on the cores as ever.

    Args:
        streams: each as `decode` takes it.
        partial: what to do with streams that were cut, as `decode`.
        workers: threads; as many as there are cores when None.
        device: "cuda" or another of torch's; needs torch.
        max_pixels: as `decode`, of each stream.

    Returns:
        The images, in the order of the streams; a device changes no pixel.

    Raises:
        RlcodecError: as `decode`, of the first stream that fails.
    """
    if device is not None:
        return _decode_on_device(list(streams), device, partial, workers, max_pixels)
    return _map(lambda data: decode(data, partial=partial, max_pixels=max_pixels), streams, workers)


def _encode_on_device(images: Iterable[ImageLike], device: str, preset: str = DEFAULT_PRESET, **options: Any) -> list[bytes]:
    found = preset_by_name(preset)
    return found.encode_on_device(list(images), found.options.of(preset, options), device)


def _decode_on_device(
    streams: list[bytes], device: str, partial: bool, workers: int | None, max_pixels: int
) -> list[Image.Image]:
    parsed = [parse(data, max_pixels) for data in streams]
    pictures: dict[int, Image.Image] = {}
    for name in dict.fromkeys(stream.header.format.name for stream in parsed):
        preset = preset_by_name(name)
        places = [at for at, stream in enumerate(parsed) if stream.header.format.name == name]
        found = preset.decode_on_device([parsed[at] for at in places], preset.decode_options(), device)
        for at, decoded in zip(places, found or (), strict=found is not None):
            if decoded.truncated:
                report_cut(parsed[at], partial)
            pictures[at] = Image.fromarray(decoded.picture)
    rest = [data for at, data in enumerate(streams) if at not in pictures]
    others = iter(_map(lambda data: decode(data, partial=partial, max_pixels=max_pixels), rest, workers))
    return [pictures[at] if at in pictures else next(others) for at in range(len(streams))]


def _map(run: Callable[[Item], Result], items: Iterable[Item], workers: int | None) -> list[Result]:
    workers = workers or os.cpu_count() or 1
    if workers < 0:
        raise OptionError(f"workers is {workers}; give a positive number")
    if workers == 1:
        return [run(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run, items))
