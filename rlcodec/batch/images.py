"""Many images at once, over all cores: the same bytes and pixels as one by one, in the same order."""

from collections.abc import Iterable
from threading import Lock
from typing import Any

from PIL import Image

from rlcodec.api import DEFAULT_PRESET, decode_options, decode_stream, encode, encode_options, parse, report_cut
from rlcodec.core.container import Stream
from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.images.gray import ImageLike
from rlcodec.options import DecodeOptions, EncodeOptions
from rlcodec.parallel.threads import map_threads
from rlcodec.presets.choice import AUTO
from rlcodec.presets.registry import preset_by_name, preset_of


def encode_many(
    images: Iterable[ImageLike],
    options: EncodeOptions | None = None,
    *,
    preset: str = AUTO,
    workers: int | None = None,
    device: str | None = None,
    **keywords: Any,
) -> list[bytes]:
    """Encodes images, each into a stream of its own.

    Args:
        images: as `encode` takes them; an image may be given several times, and a uint8 array (n, height, width) is n images.
        options: the preset's options as a dataclass, the same for all images.
        preset: name of the preset; as `encode` chooses if it is not given.
        workers: threads; as many as there are cores if None.
        device: "cuda" or another torch device that runs the networks of tier "lm" for many images at once; for preset "mnist"
            with `tier="lm"`. Needs torch.
        **keywords: instead of `options`, the fields of that dataclass, as for `encode`.

    Returns:
        The streams, in the order of the images. A device changes no byte.

    Raises:
        RlcodecError: as `encode`, for the first image that fails.
    """
    if preset != AUTO or device is not None:
        coder = preset_by_name(DEFAULT_PRESET if preset == AUTO else preset)
        options, keywords = encode_options(coder, options, keywords), {}  # once for all images
        if device is not None:
            return coder.encode_on_device(list(images), options, device)
    locks: dict[int, Lock] = {}

    def run(image: ImageLike) -> bytes:
        with locks.setdefault(id(image), Lock()):  # Pillow reads pixels on demand, which two threads must not do at once
            return encode(image, options, preset=preset, **keywords)

    return map_threads(run, images, workers)


def decode_many(
    streams: Iterable[bytes],
    options: DecodeOptions | None = None,
    *,
    partial: bool = True,
    workers: int | None = None,
    device: str | None = None,
    max_pixels: int = MAX_PIXELS,
    **keywords: Any,
) -> list[Image.Image]:
    """Decodes streams.

    Args:
        streams: each as `decode` takes it.
        options: decoding options of the preset of all streams as a dataclass.
        partial: what to do with streams that were cut, as `decode`.
        workers: threads; as many as there are cores if None.
        device: "cuda" or another torch device that runs the network of tier "lm" for many streams at once; all else runs on the
            processor. Needs torch.
        max_pixels: as `decode`, for each stream.
        **keywords: instead of `options`, its fields, as for `decode`.

    Returns:
        The images, in the order of the streams. A device changes no pixel.

    Raises:
        RlcodecError: as `decode`, for the first stream that fails.
    """

    def run(stream: Stream) -> Image.Image:
        return Image.fromarray(decode_stream(stream, options, partial=partial, **keywords).picture)

    if device is None:
        return map_threads(lambda data: run(parse(data, max_pixels)), streams, workers)
    parsed = [parse(data, max_pixels) for data in streams]
    pictures: dict[int, Image.Image] = {}
    of_streams = [preset_of(stream.header) for stream in parsed]
    for preset in dict.fromkeys(of_streams):
        indices = [i for i, of_stream in enumerate(of_streams) if of_stream is preset]
        group = [parsed[i] for i in indices]
        decoded = preset.decode_on_device(group, decode_options(preset, options, keywords), device)
        for i, one in zip(indices, decoded or (), strict=decoded is not None):
            if one.truncated:
                report_cut(parsed[i], partial)
            pictures[i] = Image.fromarray(one.picture)
    rest = [i for i in range(len(parsed)) if i not in pictures]
    pictures |= zip(rest, map_threads(lambda i: run(parsed[i]), rest, workers), strict=True)
    return [pictures[i] for i in range(len(parsed))]
