"""The command line. Only it reaches up to training, environments and agents, inside the commands that need them."""

import json
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rlcodec import __version__
from rlcodec.batch.files import FileOutcome, convert_files, convert_together, is_batch, pair_files
from rlcodec.cli.common import (
    CodingDeviceOption,
    EngineOption,
    FilesResumeOption,
    JsonOption,
    MaxPixelsOption,
    PresetOption,
    SynthesisOption,
    WorkersOption,
    announce_compilation,
    app,
    command,
    progress,
    say,
    show,
)
from rlcodec.core.preset_ids import MAX_PIXELS
from rlcodec.errors import DataError, OptionError, OutputError, RlcodecError, StreamError
from rlcodec.parallel.backends import LOCAL, RAY, check_engine

EXIT_FAILURE = 2
TRAINING_EXTRA = "this command needs the training tools: pip install 'rlcodec[train]'"


def main() -> None:
    """Runs the command line; a failure is one line on standard error and exit code 2."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        app()
    except RlcodecError as error:
        print(f"rlcodec: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(EXIT_FAILURE)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] == "rlcodec":
            raise
        print(f"rlcodec: {TRAINING_EXTRA} (missing: {error.name})", file=sys.stderr)
        sys.exit(EXIT_FAILURE)
    except OSError as error:  # a full disk, say, in the middle of a library's own writing
        print(f"rlcodec: {error.filename or 'input or output'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(EXIT_FAILURE)
    except KeyboardInterrupt:
        print("rlcodec: interrupted", file=sys.stderr)
        sys.exit(130)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if category.__module__.startswith("rlcodec"):
        print(f"rlcodec: {message}", file=sys.stderr)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror or error})") from error


def _version(wanted: bool) -> None:
    if wanted:
        print(f"rlcodec {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@command(
    "rlcodec encode digit.png digit.rlc --objective small",
    "rlcodec encode digits/ streams/ --lossless",
    "rlcodec encode digit.png digit.rlc --max-bytes 40 --max-decode-ms 0.5",
    "rlcodec encode photo.jpg photo.rlc --preset photo --objective small",
    "rlcodec encode photo.jpg photo.rlc --preset photo --max-bytes 20000",
    "rlcodec encode photos/ streams/ --preset photo --min-psnr 35",
    "rlcodec encode photos/ streams/ --preset photo --engine ray --resume",
)
def encode(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE... OUTPUT",
            help="Images, or folders of them: 8-bit gray and at most 64x64 for preset mnist, any picture for photo and "
            "compact; then the stream to write, or the folder of streams.",
        ),
    ],
    preset: PresetOption = "mnist",
    policy: Annotated[
        Path | None, typer.Option(help="A policy that `rlcodec export` wrote; the shipped one if not given.")
    ] = None,
    objective: Annotated[str | None, typer.Option(help="small, balanced, fast or lossless.")] = None,
    lambda_rate: Annotated[float | None, typer.Option(help="Distortion that one bit per pixel is worth.")] = None,
    lambda_compute: Annotated[float | None, typer.Option(help="Distortion that one decoder kMAC per pixel is worth.")] = None,
    distortion: Annotated[str | None, typer.Option(help="What the lambdas are measured in: mse, psnr or ms-ssim.")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Give every pixel back exactly.")] = False,
    bit_budget: Annotated[int | None, typer.Option(help="Binary latents to keep.")] = None,
    tier: Annotated[str | None, typer.Option(help="table, context or lm, for every segment.")] = None,
    rows: Annotated[int | None, typer.Option(help="Rows of pixels to send after the latents.")] = None,
    gain: Annotated[int | None, typer.Option(help="Preset photo: the quantiser's setting, 0 the finest to 47.")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="At most so many bytes a file.")] = None,
    min_psnr: Annotated[float | None, typer.Option(help="At least so many dB in every picture.")] = None,
    max_decode_ms: Annotated[
        float | None,
        typer.Option(help="At most so many milliseconds of decoding on this machine, as `rlcodec calibrate` measured it."),
    ] = None,
    synthesis: SynthesisOption = None,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    resume: FilesResumeOption = False,
    workers: WorkersOption = None,
    device: CodingDeviceOption = None,
    engine: EngineOption = LOCAL,
) -> None:
    """Encode an image, or many."""
    import numpy as np

    from rlcodec.api import decode as decode_stream
    from rlcodec.api import encode as encode_one
    from rlcodec.batch.images import encode_many
    from rlcodec.core.files import write_bytes
    from rlcodec.core.metrics import psnr_db
    from rlcodec.core.preset_ids import preset_by_name
    from rlcodec.images.color import read_like
    from rlcodec.images.gray import FileBytes, read_gray

    options: dict[str, Any] = {
        "preset": preset, "policy": policy and policy.absolute(), "objective": objective, "lambda_rate": lambda_rate,
        "lambda_compute": lambda_compute, "distortion": distortion, "lossless": lossless, "bit_budget": bit_budget,
        "tier": tier, "rows": rows, "gain": gain, "max_bytes": max_bytes, "min_psnr": min_psnr,
        "max_decode_ms": max_decode_ms, "synthesis": synthesis, "max_pixels": max_pixels,
    }  # fmt: skip

    def run(image: Path | FileBytes) -> bytes:
        return encode_one(image, **options)

    def run_together(images: list[np.ndarray]) -> list[bytes]:
        given = {name: value for name, value in options.items() if value not in (None, False) and name != "max_pixels"}
        return encode_many(images, device=device, **given)

    *images, output = _sources_and_target(paths)
    check_engine(engine)
    if engine == RAY and not is_batch(paths):
        raise OptionError("engine ray is for many images; name a folder, or several")
    announce_compilation()
    if is_batch(paths):
        from PIL import Image

        kinds = Image.registered_extensions()
        pairs = pair_files(images, output, ".rlc", lambda path: path.suffix.lower() in kinds)
        if device is None:
            _report(pairs, resume, lambda todo, report: convert_files(todo, run, workers, report, engine))
        else:
            gpus = 0 if device.startswith("cpu") else 1

            def convert(todo: list[tuple[Path, Path]], report: Any) -> list[FileOutcome]:
                return convert_together(todo, read_gray, run_together, report, engine=engine, workers=workers, gpus=gpus)

            _report(pairs, resume, convert)
        return
    data = run(images[0]) if device is None else run_together([read_gray(images[0])])[0]
    write_bytes(output, data)
    shown = decode_stream(data, max_pixels=max_pixels)
    original = read_like(images[0], preset_by_name(preset), shown.mode, max_pixels)
    psnr = psnr_db(original, np.asarray(shown))
    quality = f"PSNR {psnr:.2f} dB" if math.isfinite(psnr) else "exact"
    say(f"{output}: {len(data)} bytes, {8 * len(data) / (shown.width * shown.height):.3f} bits per pixel, {quality}")


@command("rlcodec decode digit.rlc digit.png", "rlcodec decode streams/ digits/ --ending .bmp")
def decode(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="STREAM... OUTPUT",
            help="Streams that `rlcodec encode` wrote, or folders of them; then the image to write, whose ending says in "
            "which format, or the folder of images.",
        ),
    ],
    partial: Annotated[bool, typer.Option(help="Show what is left of a stream that was cut.")] = False,
    synthesis: SynthesisOption = None,
    ending: Annotated[str, typer.Option(help="Of the images in a folder.")] = ".png",
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    resume: FilesResumeOption = False,
    workers: WorkersOption = None,
    device: CodingDeviceOption = None,
) -> None:
    """Decode a stream, or many."""
    import io

    from PIL import Image

    from rlcodec.api import decode as decode_stream
    from rlcodec.batch.images import decode_many
    from rlcodec.core.files import write_bytes

    *streams, output = _sources_and_target(paths)
    name = f"x{ending}" if is_batch(paths) else output.name
    suffix = Path(name).suffix.lower()
    kind = Image.registered_extensions().get(suffix)
    if kind is None or kind not in Image.SAVE:
        raise OptionError(f"{name}: Pillow writes no images that end in {suffix!r}; take .png")

    if device is not None and synthesis is not None:
        raise OptionError("synthesis is for photographs, which no device decodes")

    def run(stream: Path) -> bytes:
        return write(decode_stream(_read(stream), partial=partial, synthesis=synthesis, max_pixels=max_pixels))

    def run_together(streams: list[bytes]) -> list[bytes]:
        return [
            write(image)
            for image in decode_many(streams, partial=partial, workers=workers, device=device, max_pixels=max_pixels)
        ]

    def write(image: Image.Image) -> bytes:
        buffer = io.BytesIO()
        try:
            image.save(buffer, kind)
        except (OSError, ValueError, KeyError) as error:
            raise OutputError(f"{output}: {kind} cannot hold this image ({error}); take .png") from error
        return buffer.getvalue()

    announce_compilation()
    if is_batch(paths):
        pairs = pair_files(streams, output, suffix, lambda path: path.suffix == ".rlc")
        if device is None:
            _report(pairs, resume, lambda todo, report: convert_files(todo, run, workers, report))
        else:
            _report(pairs, resume, lambda todo, report: convert_together(todo, _read, run_together, report))
    else:
        write_bytes(output, run(streams[0]) if device is None else run_together([_read(streams[0])])[0])


def _sources_and_target(paths: list[Path]) -> list[Path]:
    if len(paths) < 2:
        raise OptionError(f"{paths[0]}: name what to read and, last, what to write")
    if len(paths) > 2 and paths[-1].exists() and not paths[-1].is_dir():
        raise OptionError(f"{paths[-1]}: is a file; several files are written into a folder")
    return paths


def _report(
    pairs: list[tuple[Path, Path]], resume: bool, convert: Callable[[list[tuple[Path, Path]], Any], list[FileOutcome]]
) -> None:
    """Converts files with a progress bar; every failure is one line on standard error, and any makes the command fail.

    Where all files fail for one reason, that is said once.
    """
    todo = [(source, target) for source, target in pairs if not (resume and target.is_file())]
    with progress("coding") as report:
        outcomes = convert(todo, report)
    failed = [(str(source), outcome.error) for (source, _), outcome in zip(todo, outcomes, strict=True) if outcome.error]
    reasons = {error for _, error in failed}
    if len(reasons) == 1 < len(failed) == len(outcomes):
        print(f"rlcodec: {reasons.pop()}", file=sys.stderr)
    else:
        for source, error in failed:
            print(f"rlcodec: {error if source in error else f'{source}: {error}'}", file=sys.stderr)
    before, after = sum(o.source_bytes for o in outcomes), sum(o.target_bytes for o in outcomes)
    done = len(outcomes) - len(failed)
    there = f", {len(pairs) - len(todo)} were there already" if resume else ""
    say(f"{pairs[0][1].parent}: {done} of {len(outcomes)} files, {before} bytes became {after}{there}")
    if failed:
        raise typer.Exit(EXIT_FAILURE)


@command("rlcodec info digit.rlc --json")
def info(
    stream: Annotated[Path, typer.Argument(help="A stream.")],
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    as_json: JsonOption = False,
) -> None:
    """Tell what a stream holds: segments, tiers, bits of each, where it stops, which model; where this machine is calibrated,
    also how long decoding takes.
    """
    from rlcodec.api import inspect
    from rlcodec.control.decode_time import calibration_path, predicted_decode_ms

    announce_compilation()
    found = inspect(_read(stream), max_pixels=max_pixels)
    decode_ms = None
    if calibration_path().exists():
        try:
            decode_ms = predicted_decode_ms(found)
        except DataError as error:
            print(f"rlcodec: {error}", file=sys.stderr)
    segments: list[dict[str, Any]] = [
        {"kind": s.segment.kind, "index": s.segment.index, "tier": s.tier_name, "bits": s.bits, "decoder_macs": s.macs}
        for s in found.segments
    ]
    if as_json:
        fields = {name: value for name, value in vars(found).items() if name != "segments"}
        print(json.dumps(fields | {"predicted_decode_ms": decode_ms, "segments": segments}))
        return
    from rich.table import Table

    kind = "lossless" if found.lossless else "lossy"
    say(f"{found.width}x{found.height}, {kind}, {found.size_bytes} bytes = {found.rate_bpp:.3f} bits per pixel")
    say(f"header {found.header_bytes} bytes, payload {found.payload_bytes} bytes{', cut' if found.truncated else ''}")
    say(f"preset {found.preset}, model {found.model_digest[:16]}, format version {found.version}")
    say(f"the encoder chose {found.choice}; it stopped after {found.stopped_after or 'nothing'}")
    say(f"decoding takes {found.decoder_kmac_per_pixel:.2f} kMAC per pixel")
    if decode_ms is not None:
        say(f"and about {decode_ms:.3g} ms on this machine")
    table = Table("segment", "tier", "bits", "kMAC")
    for s in segments:
        table.add_row(f"{s['kind']} {s['index']}", str(s["tier"]), f"{s['bits']:.2f}", f"{s['decoder_macs'] / 1000:.1f}")
    show(table)


@command("rlcodec calibrate")
def calibrate(
    as_json: JsonOption = False,
    out: Annotated[Path | None, typer.Option(help="File to write; where rlcodec looks for it if not given.")] = None,
) -> None:
    """Measure how long this machine takes to decode, which --max-decode-ms and info go by."""
    from rlcodec.control.decode_time import save_calibration
    from rlcodec.evaluation.calibrate import calibrate as measure

    announce_compilation()
    with progress("measuring") as report:
        calibration = measure(report)
    path = save_calibration(calibration, out)
    if as_json:
        print(json.dumps(json.loads(calibration.to_json())))
        return
    from rich.table import Table

    table = Table("preset", "stage", "fixed ms", "ms per kMAC", "ms per pixel")
    for preset, stages in calibration.stages.items():
        for name, cost in stages.items():
            table.add_row(preset, name, f"{cost.fixed_ms:.3f}", f"{cost.ms_per_kmac:.3g}", f"{cost.ms_per_pixel:.3g}")
    show(table)
    say(f"{path}: {calibration.machine.cpu}, {calibration.machine.cores} cores")


# Behind the others, so that help lists coding first.
import rlcodec.cli.collections  # noqa: E402
import rlcodec.cli.policies  # noqa: E402
import rlcodec.cli.report  # noqa: E402
import rlcodec.cli.training  # noqa: E402, F401

if __name__ == "__main__":
    main()
