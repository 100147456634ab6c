"""The command line. Only this file reaches up to training, environments and agents, inside the commands that need them."""

import json
import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlcodec import __version__
from rlcodec.errors import DataError, OptionError, OutputError, RlcodecError, StreamError
from rlcodec.file_batches import convert_files, is_batch, pair_files
from rlcodec.presets import PRESETS

if TYPE_CHECKING:
    from rlcodec.envs.trace import Trace

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learned image compression whose encoder is driven by a policy.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
pretrain_app = typer.Typer(no_args_is_help=True, help="Train a preset's networks from images.")
data_app = typer.Typer(no_args_is_help=True, help="Fetch data sets.")
app.add_typer(pretrain_app, name="pretrain")
app.add_typer(data_app, name="data")

EXIT_FAILURE = 2
TRAINING_EXTRA = "this command needs the training tools: pip install 'rlcodec[train]'"

PresetOption = Annotated[str, typer.Option(help="Whose model to use.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
ResumeOption = Annotated[bool, typer.Option(help="Go on from the checkpoint that is there.")]
SeedOption = Annotated[int, typer.Option(help="Of weights, batches and noise.")]
WorkersOption = Annotated[int | None, typer.Option(help="Threads; as many as cores if not given.")]
DataOption = Annotated[Path, typer.Option(help="Folder of idx files or of images, or one idx file.")]


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


def _announce_compilation() -> None:
    from rlcodec.kernel import is_compiled
    from rlcodec.raster import code_pixel_row

    if not is_compiled(code_pixel_row):
        print("rlcodec: compiling the kernels for this machine, once (about 10 s)", file=sys.stderr)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror or error})") from error


def _device(name: str) -> str:
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise OptionError(f"unknown device {name!r}; there are: auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise OptionError("there is no CUDA device that torch can use; take --device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


@contextmanager
def _progress(title: str) -> Iterator[Any]:
    """A progress bar on standard error; yields a function of (done, of all)."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"rlcodec {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command()
def encode(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE... OUTPUT",
            help="Images, or folders of them: 8-bit gray and at most 64x64 for preset mnist, any picture for photo; then the "
            "stream to write, or the folder of streams.",
        ),
    ],
    preset: PresetOption = "mnist",
    policy: Annotated[
        Path | None, typer.Option(help="A policy that `rlcodec export` wrote; the shipped one if not given.")
    ] = None,
    objective: Annotated[str | None, typer.Option(help="small, balanced, fast or lossless.")] = None,
    lambda_rate: Annotated[float | None, typer.Option(help="Distortion that one bit per pixel is worth.")] = None,
    lambda_compute: Annotated[float | None, typer.Option(help="Distortion that one decoder kMAC per pixel is worth.")] = None,
    distortion: Annotated[str | None, typer.Option(help="What the lambdas are measured in: mse or psnr.")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Give every pixel back exactly.")] = False,
    bit_budget: Annotated[int | None, typer.Option(help="Binary latents to keep.")] = None,
    tier: Annotated[str | None, typer.Option(help="table, context or lm, for every segment.")] = None,
    rows: Annotated[int | None, typer.Option(help="Rows of pixels to send after the latents.")] = None,
    gain: Annotated[int | None, typer.Option(help="Preset photo: the quantiser's setting, 0 the finest to 47.")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="Preset photo: at most so many bytes a file.")] = None,
    workers: WorkersOption = None,
) -> None:
    """Encode an image, or many.

    Examples: rlcodec encode digit.png digit.rlc --objective small; rlcodec encode digits/ streams/ --lossless;
    rlcodec encode photo.jpg photo.rlc --preset photo --max-bytes 20000
    """
    import numpy as np

    from rlcodec.codec import decode as decode_stream
    from rlcodec.codec import encode as encode_one
    from rlcodec.color_images import read_like
    from rlcodec.files import write_bytes
    from rlcodec.metrics import psnr_db
    from rlcodec.presets import preset_by_name

    def run(image: Path) -> bytes:
        return encode_one(
            image, preset=preset, policy=policy, objective=objective, lambda_rate=lambda_rate,
            lambda_compute=lambda_compute, distortion=distortion, lossless=lossless, bit_budget=bit_budget, tier=tier,
            rows=rows, gain=gain, max_bytes=max_bytes,
        )  # fmt: skip

    *images, output = _sources_and_target(paths)
    _announce_compilation()
    if is_batch(paths):
        from PIL import Image

        kinds = Image.registered_extensions()
        pairs = pair_files(images, output, ".rlc", lambda path: path.suffix.lower() in kinds)
        _convert_many(pairs, run, workers)
        return
    data = run(images[0])
    write_bytes(output, data)
    shown = decode_stream(data)
    original = read_like(images[0], preset_by_name(preset), shown.mode)
    psnr = psnr_db(original, np.asarray(shown))
    quality = f"PSNR {psnr:.2f} dB" if math.isfinite(psnr) else "exact"
    print(f"{output}: {len(data)} bytes, {8 * len(data) / (shown.width * shown.height):.3f} bits per pixel, {quality}")


@app.command()
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
    ending: Annotated[str, typer.Option(help="Of the images in a folder.")] = ".png",
    workers: WorkersOption = None,
) -> None:
    """Decode a stream, or many.

    Examples: rlcodec decode digit.rlc digit.png; rlcodec decode streams/ digits/ --ending .bmp
    """
    import io

    from PIL import Image

    from rlcodec.codec import decode as decode_stream
    from rlcodec.files import write_bytes

    *streams, output = _sources_and_target(paths)
    name = f"x{ending}" if is_batch(paths) else output.name
    suffix = Path(name).suffix.lower()
    kind = Image.registered_extensions().get(suffix)
    if kind is None or kind not in Image.SAVE:
        raise OptionError(f"{name}: Pillow writes no images that end in {suffix!r}; take .png")

    def run(stream: Path) -> bytes:
        image, buffer = decode_stream(_read(stream), partial=partial), io.BytesIO()
        try:
            image.save(buffer, kind)
        except (OSError, ValueError, KeyError) as error:
            raise OutputError(f"{output}: {kind} cannot hold this image ({error}); take .png") from error
        return buffer.getvalue()

    _announce_compilation()
    if is_batch(paths):
        pairs = pair_files(streams, output, suffix, lambda path: path.suffix == ".rlc")
        _convert_many(pairs, run, workers)
    else:
        write_bytes(output, run(streams[0]))


def _sources_and_target(paths: list[Path]) -> list[Path]:
    if len(paths) < 2:
        raise OptionError(f"{paths[0]}: name what to read and, last, what to write")
    if len(paths) > 2 and paths[-1].exists() and not paths[-1].is_dir():
        raise OptionError(f"{paths[-1]}: is a file; several files are written into a folder")
    return paths


def _convert_many(pairs: list[tuple[Path, Path]], convert: Any, workers: int | None) -> None:
    """Converts files with a progress bar; every failure is one line on standard error, and any makes the command fail."""
    with _progress("coding") as report:
        outcomes = convert_files(pairs, convert, workers, report)
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        print(f"rlcodec: {outcome.error}", file=sys.stderr)
    before, after = sum(o.source_bytes for o in outcomes), sum(o.target_bytes for o in outcomes)
    done = len(outcomes) - len(failed)
    print(f"{pairs[0][1].parent}: {done} of {len(outcomes)} files, {before} bytes became {after}")
    if failed:
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def info(
    stream: Annotated[Path, typer.Argument(help="A stream.")],
    as_json: JsonOption = False,
) -> None:
    """Tell what a stream holds: segments, tiers, bits of each, where it stops, which model.

    Example: rlcodec info digit.rlc --json
    """
    from rlcodec.codec import inspect

    _announce_compilation()
    found = inspect(_read(stream))
    segments: list[dict[str, Any]] = [
        {"kind": s.segment.kind, "index": s.segment.index, "tier": s.tier_name, "bits": s.bits, "decoder_macs": s.macs}
        for s in found.segments
    ]
    if as_json:
        fields = {name: value for name, value in vars(found).items() if name != "segments"}
        print(json.dumps(fields | {"segments": segments}))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    kind = "lossless" if found.lossless else "lossy"
    console.print(f"{found.width}x{found.height}, {kind}, {found.size_bytes} bytes = {found.rate_bpp:.3f} bits per pixel")
    console.print(f"header {found.header_bytes} bytes, payload {found.payload_bytes} bytes{', cut' if found.truncated else ''}")
    console.print(f"preset {found.preset}, model {found.model_digest[:16]}, format version {found.version}")
    console.print(f"bit budget {found.bit_budget}, stopped after {found.stopped_after or 'nothing'}")
    console.print(f"decoding takes {found.decoder_kmac_per_pixel:.2f} kMAC per pixel")
    table = Table("segment", "tier", "bits", "kMAC")
    for s in segments:
        table.add_row(f"{s['kind']} {s['index']}", str(s["tier"]), f"{s['bits']:.2f}", f"{s['decoder_macs'] / 1000:.1f}")
    console.print(table)


@data_app.command("mnist")
def data_mnist(folder: Annotated[Path, typer.Argument(help="Where the four files go.")]) -> None:
    """Fetch MNIST and check it.

    Example: rlcodec data mnist data/mnist
    """
    from rlcodec.training.data import fetch_mnist

    for path in fetch_mnist(folder):
        print(f"{path}: checked")


@pretrain_app.command("autoencoder")
def pretrain_autoencoder(
    preset: Annotated[str, typer.Argument(help="mnist or photo")],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of checkpoints and results.")] = Path("runs/pretrain"),
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; of each part, for preset photo.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Limit on wall time.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    resume: ResumeOption = True,
) -> None:
    """Train the auto-encoder and export its transforms in integers; for preset photo, all that there is to train.

    Examples: rlcodec pretrain autoencoder mnist --data data/mnist --minutes 13;
    rlcodec pretrain autoencoder photo --data photos/train --out runs/photo --minutes 20
    """
    from rlcodec.presets import PHOTO, preset_by_name
    from rlcodec.training import pretrain

    if preset_by_name(preset) is PHOTO:
        from rlcodec.training.pretrain_photo import WHOLE_SCHEDULE, pretrain_photo

        whole = _schedule(WHOLE_SCHEDULE, steps, minutes, batch, seed)
        print(f"wrote {pretrain_photo(data, out, whole, resume, _device(device))}")
        return
    schedule = _schedule(pretrain.AUTOENCODER_SCHEDULE, steps, minutes, batch, seed)
    print(f"wrote {pretrain.pretrain_autoencoder(data, out, schedule, resume, _device(device))}")


@pretrain_app.command("raster")
def pretrain_raster(
    preset: Annotated[str, typer.Argument(help="mnist")],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of checkpoints and results.")] = Path("runs/pretrain"),
    transforms: Annotated[
        Path | None, typer.Option(help="The auto-encoder's transforms; those in the out folder, else the shipped ones.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps of the pixels' network.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Limit on wall time of the pixels' network.")] = None,
    latent_minutes: Annotated[float | None, typer.Option(help="Limit on wall time of the latents' network.")] = None,
    latent_steps: Annotated[int | None, typer.Option(help="Optimiser steps of the latents' network.")] = None,
    scan_minutes: Annotated[float | None, typer.Option(help="Limit on wall time of the scans' network.")] = None,
    scan_steps: Annotated[int | None, typer.Option(help="Optimiser steps of the scans' network.")] = None,
    lm_minutes: Annotated[float | None, typer.Option(help="Limit on wall time of tier lm.")] = None,
    lm_steps: Annotated[int | None, typer.Option(help="Optimiser steps of tier lm.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, but for tier lm.")] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    resume: ResumeOption = True,
) -> None:
    """Train the raster-encoder for given transforms and export the whole preset.

    Example: rlcodec pretrain raster mnist --data data/mnist --minutes 24
    """
    from rlcodec.model import WEIGHTS
    from rlcodec.presets import preset_by_name
    from rlcodec.training import pretrain

    name = preset_by_name(preset).name
    if transforms is None:
        own = out / pretrain.TRANSFORMS_FILE
        transforms = own if own.exists() else WEIGHTS / f"{name}.safetensors"
    latents = _schedule(pretrain.LATENTS_SCHEDULE, latent_steps, latent_minutes, batch, seed)
    pixels = _schedule(pretrain.PIXELS_SCHEDULE, steps, minutes, batch, seed)
    scans = _schedule(pretrain.SCANS_SCHEDULE, scan_steps, scan_minutes, batch, seed)
    lm = _schedule(pretrain.LM_SCHEDULE, lm_steps, lm_minutes, None, seed)
    print(f"wrote {pretrain.pretrain_raster(data, out, transforms, latents, pixels, scans, lm, resume, _device(device))}")


def _schedule(default: Any, steps: int | None, minutes: float | None, batch: int | None, seed: int) -> Any:
    for name, value in (("steps", steps), ("minutes", minutes), ("batch", batch)):
        if value is not None and value <= 0:
            raise OptionError(f"{name} is {value}; it must be positive")
    return replace(default, steps=steps or default.steps, minutes=minutes, batch=batch or default.batch, seed=seed)


@app.command()
def trace(
    data: Annotated[Path, typer.Argument(help="Folder of idx files or of images, or one idx file.")],
    output: Annotated[Path, typer.Argument(help="The trace to write, .npz.")],
    split: Annotated[str, typer.Option(help="train or test, for folders of idx files.")] = "train",
    images: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    preset: PresetOption = "mnist",
    workers: Annotated[int | None, typer.Option(help="Processes; as many as cores if not given.")] = None,
) -> None:
    """Measure every segment of every image under every tier with the codec, for training and evaluation.

    Example: rlcodec trace data/mnist runs/train.npz --images 6000
    """
    from rlcodec.envs.trace import save_trace
    from rlcodec.training.data import load_images

    _announce_compilation()
    loaded = load_images(data, split, images)
    traced = _trace(loaded, preset, workers)
    save_trace(output, traced)
    print(f"{output}: {len(traced)} images")


def _trace(images: Any, preset: str, workers: int | None) -> "Trace":
    from rlcodec.envs.trace import CHUNK_IMAGES, join_chunks, trace_chunks
    from rlcodec.images import read_gray
    from rlcodec.model import load_model

    model = load_model(preset)
    if not len(images):
        raise DataError("there are no images to trace")
    read_gray(images[0], model.preset)
    chunks = []
    with _progress("tracing") as report:
        for chunk in trace_chunks(images, preset, workers):
            chunks.append(chunk)
            report(min(len(chunks) * CHUNK_IMAGES, len(images)), len(images))
    return join_chunks(images, chunks, model.digest)


@app.command()
def train(
    trace_file: Annotated[Path, typer.Argument(metavar="TRACE", help="A trace of training images.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/ppo"),
    timesteps: Annotated[int | None, typer.Option(help="Environment steps in all.")] = None,
    envs: Annotated[int | None, typer.Option(help="Episodes side by side.")] = None,
    preset: PresetOption = "mnist",
    seed: SeedOption = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for so small a network the CPU is usually faster.")] = "cpu",
    resume: ResumeOption = True,
) -> None:
    """Train a policy with PPO.

    Example: rlcodec train runs/train.npz --out runs/ppo --timesteps 4000000
    """
    from rlcodec.agents.ppo import PPOSettings, train_ppo
    from rlcodec.envs.trace import load_trace
    from rlcodec.model import load_model

    model = load_model(preset)
    default = PPOSettings()
    for name, value in (("timesteps", timesteps), ("envs", envs)):
        if value is not None and value <= 0:
            raise OptionError(f"{name} is {value}; it must be positive")
    settings = replace(
        default, timesteps=timesteps or default.timesteps, envs=envs or default.envs, seed=seed, device=_device(device)
    )
    train_ppo(load_trace(trace_file, model), model, settings, out, resume)
    print(f"{out}: trained for {settings.timesteps} steps")


@app.command()
def evaluate(
    subject: Annotated[Path, typer.Argument(metavar="TRACE|PRESET", help="A trace of held-out images, or: mnist")],
    data: Annotated[Path | None, typer.Option(help="With a preset: folder of idx files or images.")] = None,
    images: Annotated[int, typer.Option(min=100, help="With a preset: at most so many images.")] = 1000,
    policy: Annotated[Path | None, typer.Option(help="A policy file; the shipped one if not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the table, .csv.")] = None,
    preset: PresetOption = "mnist",
    as_json: JsonOption = False,
) -> None:
    """Compare a policy with the best fixed setting, a threshold rule, the planner and the oracle; or the codec with others.

    With a trace the policy is evaluated. With the name of a preset, its codec stands beside JPEG, PNG, WebP, AVIF, JPEG
    2000, JPEG XL, gzip, bz2 and xz, on the test images of a folder; a figure is written beside the table.

    Examples: rlcodec evaluate runs/test.npz --policy runs/policy.onnx --out runs/evaluation.csv;
    rlcodec evaluate mnist --data data/mnist --out runs/comparison.csv
    """
    if subject.name in [p.name for p in PRESETS] and not subject.exists():
        _compare(subject.name, data, images, out, as_json)
        return
    from rlcodec.agents.evaluate import evaluate_policy
    from rlcodec.envs.trace import load_trace
    from rlcodec.files import write_bytes
    from rlcodec.model import load_model
    from rlcodec.policy import load_policy

    model = load_model(preset)
    loaded, held_out = load_policy(policy, model), load_trace(subject, model)
    with _progress("evaluating") as report:
        found = evaluate_policy(
            held_out, model, loaded.predictor, lambda seen: loaded.logits(seen).argmax(1), report
        )  # fmt: skip
    if out is not None:
        write_bytes(out, found.table.to_csv(index=False).encode())
    if as_json:
        summary = {"images": len(held_out), "share": found.share, "low": found.low, "high": found.high}
        print(json.dumps(summary | {"objectives": found.objectives, "table": found.table.to_dict("records")}))
        return
    print(found.table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    print(
        f"share of the gap from best fixed to oracle: {found.share:.3f} [{found.low:.3f}, {found.high:.3f}], "
        f"mean of {found.objectives} objectives, {len(held_out)} images"
    )


def _compare(preset: str, data: Path | None, images: int, out: Path | None, as_json: bool) -> None:
    from rlcodec.evaluation.comparison import COMPARED_PSNR_DB, compare, plot_comparison, rates_at
    from rlcodec.evaluation.figures import save_figure
    from rlcodec.files import write_bytes
    from rlcodec.training.data import load_images

    if data is None:
        raise OptionError(f"name the folder of images: rlcodec evaluate {preset} --data DIR")
    pictures = load_images(data, "test", images)
    with _progress("comparing") as report:
        table = compare(pictures, report)
    if out is not None:
        write_bytes(out, table.to_csv(index=False).encode())
        save_figure(plot_comparison(table), out.with_suffix(".png"))
    if as_json:
        print(table.to_json(orient="records"))
    else:
        print(table.to_string(index=False, float_format=lambda v: f"{v:.3f}"))
        print(f"\nbits per pixel at {COMPARED_PSNR_DB} dB:")
        print(rates_at(table, COMPARED_PSNR_DB).to_string(index=False, float_format=lambda v: f"{v:.3f}"))


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run. It holds pickled code: export only runs that you trust.")],
    output: Annotated[Path, typer.Argument(help="The policy file to write, .onnx.")],
    preset: PresetOption = "mnist",
) -> None:
    """Export a trained policy as one ONNX file that `rlcodec encode --policy` runs.

    Example: rlcodec export runs/ppo runs/policy.onnx
    """
    from rlcodec.agents.export import export_policy
    from rlcodec.agents.ppo import load_trained, read_run
    from rlcodec.model import load_model

    model = load_model(preset)
    predictor, settings = read_run(run, model)
    export_policy(load_trained(run), predictor, model, output, settings)
    print(f"wrote {output}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/demo"),
    data: Annotated[Path | None, typer.Option(help="MNIST or other images; digits of scikit-learn if not given.")] = None,
    seconds: Annotated[float, typer.Option(help="How long to train.")] = 60.0,
    seed: SeedOption = 0,
) -> None:
    """Train a policy for a minute, evaluate it, export it, and encode and decode digits with it.

    Example: rlcodec demo
    """
    from rlcodec.evaluation.demo import run_demo

    _announce_compilation()
    run_demo(out, data, seconds, seed)


if __name__ == "__main__":
    main()
