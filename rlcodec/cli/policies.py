"""Commands about policies, from traces to a file; what they need beyond the runtime is imported inside them."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlcodec.cli.common import (
    EngineOption,
    JsonOption,
    PresetOption,
    ResumeOption,
    announce_compilation,
    command,
    progress,
    say,
    torch_device,
)
from rlcodec.core.preset_ids import COMPACT, MNIST, PRESETS
from rlcodec.errors import DataError, OptionError
from rlcodec.parallel.backends import LOCAL

if TYPE_CHECKING:
    pass

CropOption = Annotated[
    int | None, typer.Option(min=64, help="Photo and compact: squares of so many pixels a side in place of whole pictures.")
]
EXIT_REFUTED = 1
OWN = "own"
"""Stands for a preset where a trace is of somebody's own codec."""


@command(
    "rlcodec trace data/mnist runs/train.npz --images 6000",
    "rlcodec trace photos/train runs/photo-train.npz --preset photo --crop 256",
)
def trace(
    data: Annotated[Path, typer.Argument(help="Folder of idx files or of images, or one idx file.")],
    output: Annotated[Path, typer.Argument(help="The trace to write, .npz.")],
    split: Annotated[str, typer.Option(help="train or test, for folders of idx files.")] = "train",
    images: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    crop: CropOption = None,
    preset: PresetOption = "mnist",
    workers: Annotated[int | None, typer.Option(help="Processes; as many as cores if not given.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on with what a run that was cut has measured.")] = True,
    engine: EngineOption = LOCAL,
) -> None:
    """Measure everything that a policy may choose on every image with the codec, for training and evaluation.

    What is measured is kept beside the trace, in a folder OUTPUT.partial, until the trace is whole.
    """
    from rlcodec.envs.tasks import task_of

    task = task_of(preset)
    announce_compilation()
    loaded = _load(preset, data, split, images, crop)
    partial = output.with_name(output.name + ".partial")
    if not resume:
        shutil.rmtree(partial, ignore_errors=True)
    with progress("tracing") as report:
        traced = task.trace(loaded, workers, report, partial, engine)
    task.save(output, traced)
    shutil.rmtree(partial, ignore_errors=True)
    say(f"{output}: {len(traced)} images")


def _load(preset: str, data: Path, split: str, limit: int | None, crop: int | None) -> Any:
    """The images that a trace or claims are about, uint8 (height, width) or (height, width, 3) each."""
    if preset != MNIST.name:
        from rlcodec.envs.pictures import crops_of
        from rlcodec.training.data import load_pictures

        pictures = load_pictures(data)[:limit]
        return pictures if crop is None else crops_of(pictures, crop)
    from rlcodec.images.gray import read_gray
    from rlcodec.training.data import load_images

    images = load_images(data, split, limit)
    if not len(images):
        raise DataError("there are no images to trace")
    read_gray(images[0], MNIST)
    return images


@command(
    "rlcodec train runs/train.npz --out runs/ppo --timesteps 4000000",
    "rlcodec train runs/train.npz --out runs/other --hyperparameters other.yml",
    "rlcodec train runs/photo.npz --preset photo --out runs/photo --hyperparameters agents/ppo-photo.yml --imitate 200",
    "rlcodec train runs/jpeg.npz --preset own --out runs/jpeg",
)
def train(
    trace_file: Annotated[Path, typer.Argument(metavar="TRACE", help="A trace of training images.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/ppo"),
    hyperparameters: Annotated[
        Path | None,
        typer.Option(help="YAML file of hyperparameters, as for rl_zoo3; the run's own, or the packaged ones, if not given."),
    ] = None,
    timesteps: Annotated[int | None, typer.Option(help="Environment steps in all.")] = None,
    envs: Annotated[int | None, typer.Option(help="Episodes side by side.")] = None,
    imitate: Annotated[
        int | None, typer.Option(min=0, help="Begin by imitating the oracle under so many objectives; the run's own, or 0.")
    ] = None,
    preset: PresetOption = "mnist",
    seed: Annotated[int | None, typer.Option(help="Of weights, images and actions; the run's own, or 0, if not given.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for so small a network the CPU is usually faster.")] = "cpu",
    resume: ResumeOption = True,
) -> None:
    """Train a policy with PPO, and export it into the folder of the run."""
    from rlcodec.agents.export import export_policy
    from rlcodec.agents.hyperparameters import read_settings
    from rlcodec.agents.ppo import RUN_FILE, settings_of, train_ppo
    from rlcodec.agents.reported_results import POLICY_FILE
    from rlcodec.envs.external.trace import task_and_trace
    from rlcodec.envs.tasks import task_of

    task = task_of(preset) if preset != OWN else task_and_trace(preset, trace_file)[0]
    own = hyperparameters is None and resume and (out / RUN_FILE).exists()
    settings = settings_of(out, task) if own else read_settings(hyperparameters)
    given = {"n_timesteps": timesteps, "n_envs": envs, "seed": seed, "imitation": imitate}
    for option, value in (("timesteps", timesteps), ("envs", envs)):
        if value is not None and value <= 0:
            raise OptionError(f"{option} is {value}; it must be positive")
    changed = {name: value for name, value in given.items() if value is not None}
    settings = replace(settings, **changed, device=torch_device(device))
    policy, predictor = train_ppo(task.load(trace_file), task, settings, out, resume)
    export_policy(policy, predictor, task, out / POLICY_FILE, asdict(settings))
    say(f"{out}: trained for {settings.n_timesteps} steps; its policy is {out / POLICY_FILE}")


@command(
    "rlcodec evaluate photos/val --codecs rlcodec:photo,jpeg,webp,avif,jxl,jp2 --out runs/photos/codecs.csv",
    "rlcodec evaluate photos/val --codecs policy:shipped,jpeg --policy runs/policy.onnx --out runs/policies.csv",
    "rlcodec evaluate runs/test.npz --policy runs/policy.onnx --out runs/evaluation.csv",
    "rlcodec evaluate runs/test.npz --run runs/ppo",
    "rlcodec evaluate mnist --data data/mnist --out runs/comparison.csv",
    "rlcodec evaluate compact --data photos/val720 --out runs/compact.csv",
)
def evaluate(
    subject: Annotated[
        Path,
        typer.Argument(
            metavar="TRACE|DATA|PRESET", help="A trace of held-out images; or a folder of images; or mnist or compact."
        ),
    ],
    codecs: Annotated[
        str | None,
        typer.Option(
            help="With a folder of images: codecs to compare, with commas between them, of rlcodec:photo (also "
            "rlcodec:photo/full, /plain), rlcodec:compact, rlcodec:mnist, jpeg, webp, avif, jxl, jp2, png, policy:shipped."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="With a preset: folder of idx files or images.")] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="At most so many images; with preset mnist 1000 if not given.")
    ] = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option(help="A policy file; of a trace the shipped one if not given. With codecs any number, beside them."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write the table, .csv; of codecs also .parquet, and a table there is gone on with."),
    ] = None,
    anchor: Annotated[
        str | None, typer.Option(help="With codecs: BD-rates are against it; jpeg, or the first, if not given.")
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option(help="With codecs: a folder for JSON files of their curves, as learned-compression tools write."),
    ] = None,
    published: Annotated[
        list[Path] | None, typer.Option(help="With codecs: such a JSON, whose curve stands beside theirs; any number.")
    ] = None,
    split: Annotated[str, typer.Option(help="With codecs: train or test, for folders of idx files.")] = "test",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="With codecs: processes; as many as cores if not given. Take 1 for times to quote."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="With codecs: keep the rows that the table has already.")] = True,
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of a run: its policy.onnx is evaluated, and results.json there claims what comes of it."),
    ] = None,
    claim: Annotated[
        Path | None, typer.Option(help="The same for the shipped policy: a folder whose results.json claims what comes of it.")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes to claim.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="To draw them with.")] = 0,
    preset: PresetOption = "mnist",
    engine: Annotated[str, typer.Option(help="With codecs: local, or ray, as for `rlcodec encode`.")] = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Compare codecs on images; or a policy with the best fixed setting, a threshold rule, the planner and the oracle.

    With a folder and --codecs every picture is coded at every setting: rate, PSNR, MS-SSIM, times and decoder kMAC, a row
    each; what is printed are BD-rates with the decibels that they span. With a trace the policy is evaluated. With the name
    of a preset, a published comparison is made again on the images of a folder, and a figure is written beside the table:
    mnist beside JPEG, PNG, WebP, AVIF, JPEG 2000, JPEG XL, gzip, bz2 and xz, on test digits; compact beside JPEG and WebP at
    their defaults and at equal quality.
    """
    from rlcodec.cli.compare import compare_codecs, compare_compact, compare_digits

    if codecs is not None:
        from rlcodec.evaluation.codecs import COMPUTE, POLICY

        if run or claim or data:
            raise OptionError("codecs are compared on a folder of images; data, run and claim are for presets and traces")
        policies = [f"{POLICY}{path}{dear}" for path in policy or () for dear in COMPUTE]
        names = [*(name.strip() for name in codecs.split(",") if name.strip()), *policies]
        compare_codecs(subject, names, out, split, images, workers, resume, anchor, curves, published or [], as_json, engine)
        return
    if engine != LOCAL or any(option is not None for option in (anchor, curves, published, workers)):
        raise OptionError("anchor, curves, published, workers and engine go with codecs")
    if policy and len(policy) > 1:
        raise OptionError("one policy at a time is evaluated on a trace")
    if (run or claim) and preset == OWN:
        raise OptionError("policies for an own codec are evaluated by --policy; nobody could replay what is claimed of them")
    if sum(option is not None for option in (policy, run, claim)) > 1:
        raise OptionError("give one of policy, run and claim: claims are of a run's own policy, or of the shipped one")
    if subject.name in [p.name for p in PRESETS] and not subject.exists():
        if run or claim:
            raise OptionError("claims are about a trace; `rlcodec trace` makes one")
        if data is None:
            raise OptionError(f"name the folder of images: rlcodec evaluate {subject} --data DIR")
        if subject.name == MNIST.name:
            compare_digits(data, images, out, as_json)
        elif subject.name == COMPACT.name:
            compare_compact(data, images, out, as_json)
        else:
            raise OptionError(f"photographs are compared by rlcodec evaluate {data} --codecs rlcodec:photo,jpeg,webp,avif")
        return
    if subject.is_dir():
        raise OptionError(f"{subject}: is a folder; name --codecs to compare on its images, or a trace of them")
    from rlcodec.agents.evaluate import contest_of, evaluate_policy
    from rlcodec.agents.reported_results import POLICY_FILE, SHIPPED, make_claims, write_claims
    from rlcodec.control.onnx_policy import load_policy
    from rlcodec.core.files import write_bytes
    from rlcodec.envs.external.trace import task_and_trace

    task, held_out = task_and_trace(preset, subject)
    loaded = load_policy(run / POLICY_FILE if run else policy[0] if policy else None, task.model)
    contest = contest_of(task, held_out, loaded.predictor)
    with progress("evaluating") as report:
        found = evaluate_policy(contest, lambda seen: loaded.logits(seen).argmax(1), report)
    if out is not None:
        write_bytes(out, found.table.to_csv(index=False).encode())
    claims_file = None
    if folder := run or claim:
        named = POLICY_FILE if run else SHIPPED
        claims_file = write_claims(folder, make_claims(folder, task, held_out, loaded, named, found, episodes, seed))
    if as_json:
        summary = {"images": len(held_out), "share": found.share, "low": found.low, "high": found.high}
        print(json.dumps(summary | {"objectives": found.objectives, "table": found.table.to_dict("records")}))
        return
    say(found.table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    say(
        f"share of the gap from best fixed to oracle: {found.share:.3f} [{found.low:.3f}, {found.high:.3f}], "
        f"mean of {found.objectives} objectives, {len(held_out)} images"
    )
    if claims_file:
        say(f"wrote {claims_file}")


@command("rlcodec export runs/ppo runs/policy.onnx")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run. It holds pickled code: export only runs that you trust.")],
    output: Annotated[
        Path | None, typer.Argument(help="The policy file to write, .onnx; policy.onnx of the run if not given.")
    ] = None,
    preset: PresetOption = "mnist",
) -> None:
    """Export a trained policy as one ONNX file that `rlcodec encode --policy` runs."""
    from rlcodec.agents.export import export_policy
    from rlcodec.agents.ppo import load_trained, read_run
    from rlcodec.agents.reported_results import POLICY_FILE
    from rlcodec.envs.tasks import task_of

    task = task_of(preset)
    predictor, settings = read_run(run, task)
    output = output or run / POLICY_FILE
    export_policy(load_trained(run), predictor, task, output, settings)
    say(f"wrote {output}")


@command("rlcodec validate runs/reference/mnist-shipped --data data/mnist")
def validate(
    run: Annotated[
        Path, typer.Argument(help="Folder of a run. Nothing in it is unpickled or executed: any stranger's will do.")
    ],
    data: Annotated[Path, typer.Option(help="The images that it was evaluated on, as for `rlcodec trace`.")],
    split: Annotated[str, typer.Option(help="train or test, for folders of idx files.")] = "test",
    images: Annotated[int | None, typer.Option(min=1, help="At most so many; as many as are claimed if not given.")] = None,
    crop: CropOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also measure every image anew, and from that the share, its interval and the table.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Replay what a run claims through the real codec, and confirm or refute it.

    Reads results.json and policy.onnx of the run and nothing else, least of all its checkpoint. Every claimed episode is
    replayed twice: its actions through the codec, and the policy through the encoder. Exit code 0 when all is confirmed, 1
    when something is refuted, 2 when it cannot be checked: a file is missing or broken, or these are other images.
    """
    from rlcodec.agents.reported_results import read_claims
    from rlcodec.agents.validation import validate as validate_claims

    claims = read_claims(run)
    limit = claims.images if images is None and crop is None else images
    loaded = _load(claims.preset, data, split, limit, crop)
    announce_compilation()
    with progress("replaying") as report:
        findings = validate_claims(claims, run, loaded, full, report)
    confirmed = all(finding.confirmed for finding in findings)
    if as_json:
        print(json.dumps({"confirmed": confirmed, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            say(f"{finding.subject}: {'confirmed' if finding.confirmed else 'REFUTED'}: {finding.detail}")
    if not confirmed:
        raise typer.Exit(EXIT_REFUTED)
