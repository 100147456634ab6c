"""Commands that code images and describe streams: encode, decode, info and calibrate."""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image

from rlcodec import api
from rlcodec.batch.files import Pair, convert_files, is_batch, pair_files
from rlcodec.batch.images import decode_many
from rlcodec.cli.common import (
    EXIT_FAILURE,
    BackendOption,
    JsonOption,
    MaxPixelsOption,
    command,
    complain,
    progress,
    say,
    show,
)
from rlcodec.cli.parameters import Argument, Option
from rlcodec.control.decode_time import calibration_path, save_calibration
from rlcodec.core.container import unpack
from rlcodec.core.files import write_bytes
from rlcodec.core.metrics import psnr_db
from rlcodec.core.preset_format import MAX_PIXELS
from rlcodec.errors import DataError, OptionError, OutputError, StreamError, failure_line
from rlcodec.images.gray import FileBytes
from rlcodec.images.saving import format_of, image_bytes
from rlcodec.options import option
from rlcodec.parallel.options import LOCAL, RAY, MapOptions, check_backend
from rlcodec.presets.choice import AUTO
from rlcodec.presets.registry import decode_option_types, encode_option_types, preset_by_name

STREAM_SUFFIX = ".rlc"
PNG_LEVEL = 4
"""Of compressing decoded images: half the time of Pillow's own level, 6, for files that are 2% larger."""
FILES_PER_GROUP = 256
"""Files that a device codes together."""


@dataclass(frozen=True)
class FileOptions:
    """How files are coded."""

    resume: bool = option("Skip files whose output exists, for instance after an interrupted run.", False)
    workers: int | None = option("Threads; all cores by default.")
    device: str | None = option("cuda or another torch device that runs the network of tier lm for many files at once.")


@command(
    "rlcodec encode digit.png digit.rlc --objective small",
    "rlcodec encode digits/ streams/ --lossless",
    "rlcodec encode digit.png digit.rlc --max-bytes 40 --max-decode-ms 0.5",
    "rlcodec encode photo.jpg photo.rlc --preset photo --objective small",
    "rlcodec encode photo.jpg photo.rlc --preset photo --max-bytes 20000",
    "rlcodec encode photos/ streams/ --preset photo --min-psnr 35",
    "rlcodec encode photos/ streams/ --preset photo --backend ray --resume",
    types=encode_option_types,
)
def encode(
    paths: Annotated[
        list[Path],
        Argument(
            metavar="IMAGE... OUTPUT",
            help="Images, or folders of images, followed by the stream to write or the folder of streams. Preset mnist takes "
            "8-bit gray images of at most 64x64 pixels; photo, raster and compact take any image that Pillow reads. By default "
            "the preset is chosen that suits the image.",
        ),
    ],
    preset: Annotated[str, Option("Name of the preset; by default the one that suits each image.")] = AUTO,
    *,
    files: FileOptions,
    backend: BackendOption = LOCAL,
    **options: Any,
) -> None:
    """Encode one image or many."""
    *images, output = _sources_and_target(paths)
    coder = preset_by_name(api.DEFAULT_PRESET if preset == AUTO else preset)  # that of a device
    check_backend(backend)
    if backend == RAY and not is_batch(paths):
        raise OptionError("backend ray is for many images; name a folder, or several images")

    def code(sources: Sequence[Path | FileBytes]) -> list[bytes]:
        if files.device is None:
            return [api.encode(source, preset=preset, **options) for source in sources]
        chosen = api.encode_options(coder, None, options)
        return coder.encode_on_device([coder.read_pixels(source, chosen) for source in sources], chosen, files.device)

    if is_batch(paths):
        kinds = Image.registered_extensions()
        pairs = pair_files(images, output, STREAM_SUFFIX, lambda path: path.suffix.lower() in kinds)
        _convert_and_report(pairs, code, files, backend)
        return
    if files.device is None:
        encoded = api.encode_image(images[0], preset=preset, **options)
        data, original, shown = encoded.data, encoded.original, encoded.picture
    else:
        data = code(images)[0]
        original = coder.read_pixels(images[0], api.encode_options(coder, None, options))
        shown = np.asarray(api.decode(data))
    write_bytes(output, data)
    psnr = psnr_db(original, shown)
    quality = f"PSNR {psnr:.2f} dB" if math.isfinite(psnr) else "exact"
    chosen = f", preset {unpack(data).header.format.name}" if preset == AUTO else ""
    say(f"{output}: {len(data)} bytes, {8 * len(data) / math.prod(original.shape[:2]):.3f} bits per pixel, {quality}{chosen}")


@command("rlcodec decode digit.rlc digit.png", "rlcodec decode streams/ digits/ --ending .bmp", types=decode_option_types)
def decode(
    paths: Annotated[
        list[Path],
        Argument(
            metavar="STREAM... OUTPUT",
            help="Streams, or folders of streams, followed by the image to write, whose ending selects the format, or the "
            "folder of images.",
        ),
    ],
    ending: Annotated[str, Option(help="Of the images in a folder, which selects their format.")] = ".png",
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    *,
    partial: Annotated[bool, Option(help="Decode what is left of a stream that was cut.")] = False,
    files: FileOptions,
    **options: Any,
) -> None:
    """Decode one stream or many."""
    *streams, output = _sources_and_target(paths)
    name = f"x{ending}" if is_batch(paths) else output.name
    suffix = Path(name).suffix.lower()
    kind = format_of(suffix)

    def code(sources: list[Path]) -> list[bytes]:
        streams = [_read(source) for source in sources]
        keywords = options | {"partial": partial, "max_pixels": max_pixels}
        if files.device is None:
            return [save(api.decode(stream, **keywords)) for stream in streams]
        images = decode_many(streams, workers=files.workers, device=files.device, **keywords)
        return [save(image) for image in images]

    def save(image: Image.Image) -> bytes:
        try:
            return image_bytes(image, kind, **({"compress_level": PNG_LEVEL} if kind == "PNG" else {}))
        except (OSError, ValueError, KeyError) as error:
            raise OutputError(f"{output}: {kind} cannot hold this image ({error}); take .png") from error

    if is_batch(paths):
        pairs = pair_files(streams, output, suffix, lambda path: path.suffix == STREAM_SUFFIX)
        _convert_and_report(pairs, code, files)
    else:
        write_bytes(output, code(streams)[0])


def _in_words(value: Any) -> str:
    """A value of a stream's settings or details as people read it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_in_words(part)}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror or error})") from error


def _sources_and_target(paths: list[Path]) -> list[Path]:
    if len(paths) < 2:
        raise OptionError(f"{paths[0]}: name what to read and, last, what to write")
    if len(paths) > 2 and paths[-1].exists() and not paths[-1].is_dir():
        raise OptionError(f"{paths[-1]}: is a file; several files are written into a folder")
    return paths


def _convert_and_report(
    pairs: list[Pair], code: Callable[[list[Any]], list[bytes]], files: FileOptions, backend: str = LOCAL
) -> None:
    """Converts files with a progress bar. Prints one line for each failure, and exits with EXIT_FAILURE if there are any.

    If all files fail for the same reason, it is printed once.
    """
    todo = [(source, target) for source, target in pairs if not (files.resume and target.is_file())]
    spread = MapOptions(backend, files.workers, use_threads=True)
    if files.device is not None:  # which codes a group at a time
        workers, gpus = 1 if backend == LOCAL else files.workers, 0 if files.device.startswith("cpu") else 1
        spread = replace(spread, workers=workers, group_size=FILES_PER_GROUP, gpus_per_worker=gpus)
    with progress("coding") as report:
        outcomes = convert_files(todo, code, spread, report)
    failed = [(source, outcome.error) for (source, _), outcome in zip(todo, outcomes, strict=True) if outcome.error]
    reasons = {error for _, error in failed}
    same = len(reasons) == 1 < len(failed) == len(outcomes)
    complain(*(reasons if same else (failure_line(str(source), error) for source, error in failed)))
    before, after = sum(o.source_bytes for o in outcomes), sum(o.target_bytes for o in outcomes)
    done = len(outcomes) - len(failed)
    skipped = f", {len(pairs) - len(todo)} were there already" if files.resume else ""
    say(f"{pairs[0][1].parent}: {done} of {len(outcomes)} files, {before} bytes became {after}{skipped}")
    if failed:
        sys.exit(EXIT_FAILURE)


@command("rlcodec info digit.rlc --json")
def info(
    stream: Annotated[Path, Argument(help="A stream.")],
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    as_json: JsonOption = False,
) -> None:
    """Describe a stream: its segments with their tiers and bits, where it stops, and its model.

    On a machine that `rlcodec calibrate` has measured, the predicted decoding time is printed as well.
    """
    found = api.inspect(_read(stream), max_pixels=max_pixels)
    decode_ms = None
    if calibration_path().exists():
        try:
            decode_ms = api.predicted_decode_ms(found)
        except DataError as error:
            complain(str(error))
    segments: list[dict[str, Any]] = [
        {"kind": s.segment.kind, "index": s.segment.index, "tier": s.tier_name, "bits": s.bits, "decoder_macs": s.macs}
        for s in found.segments
    ]
    if as_json:
        changed = {"settings": asdict(found.settings), "details": dict(found.details), "segments": segments}
        print(json.dumps(vars(found) | changed | {"predicted_decode_ms": decode_ms}))
        return
    kind = "lossless" if found.lossless else "lossy"
    say(f"{found.width}x{found.height}, {kind}, {found.size_bytes} bytes = {found.rate_bpp:.3f} bits per pixel")
    say(f"header {found.header_bytes} bytes, payload {found.payload_bytes} bytes{', cut' if found.truncated else ''}")
    say(f"preset {found.preset}, model {found.model_digest[:16]}, format version {found.version}")
    say(f"the encoder chose {found.choice}; it stopped after {found.stopped_after or 'nothing'}")
    say(f"settings: {_in_words(asdict(found.settings))}")
    for name, value in found.details.items():
        say(f"{name.replace('_', ' ')}: {_in_words(value)}")
    say(f"decoding takes {found.decoder_kmac_per_pixel:.2f} kMAC per pixel")
    if decode_ms is not None:
        say(f"and about {decode_ms:.3g} ms on this machine")
    rows = (
        (f"{s['kind']} {s['index']}", str(s["tier"]), f"{s['bits']:.2f}", f"{s['decoder_macs'] / 1000:.1f}") for s in segments
    )
    show(("segment", "tier", "bits", "kMAC"), *rows)


@command("rlcodec calibrate")
def calibrate(
    as_json: JsonOption = False,
    out: Annotated[Path | None, Option(help="File to write; by default the one that rlcodec reads.")] = None,
) -> None:
    """Measure how long this machine takes to decode, for --max-decode-ms and `rlcodec info`."""
    from rlcodec.evaluation.calibrate import calibrate as measure

    with progress("measuring") as report:
        calibration = measure(report)
    path = save_calibration(calibration, out)
    if as_json:
        print(json.dumps(json.loads(calibration.to_json())))
        return
    rows = (
        (preset, name, f"{cost.fixed_ms:.3f}", f"{cost.ms_per_kmac:.3g}", f"{cost.ms_per_pixel:.3g}")
        for preset, stages in calibration.stages.items()
        for name, cost in stages.items()
    )
    show(("preset", "stage", "fixed ms", "ms per kMAC", "ms per pixel"), *rows)
    say(f"{path}: {calibration.machine.cpu}, {calibration.machine.cores} cores")
