"""Commands about policies, from traces to a file; what they need beyond the runtime is imported inside them."""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlcodec.cli.common import (
    BackendOption,
    JsonOption,
    PresetOption,
    ResumeOption,
    announce_compilation,
    command,
    progress,
    say,
    torch_device,
)
from rlcodec.errors import OptionError
from rlcodec.parallel.options import LOCAL

if TYPE_CHECKING:
    from rlcodec.agents.evaluate import Evaluation
    from rlcodec.agents.hyperparameters import Settings

CropOption = Annotated[
    int | None, typer.Option(min=64, help="Presets for pictures: square crops with so many pixels a side, not whole pictures.")
]
EXIT_REFUTED = 1


@command(
    "rlcodec trace data/mnist runs/train.npz --images 6000",
    "rlcodec trace photos/train runs/photo-train.npz --preset photo --crop 256",
)
def trace(
    data: Annotated[Path, typer.Argument(help="Folder of idx files or of images, or one idx file.")],
    output: Annotated[Path, typer.Argument(help="The trace to write, .npz.")],
    split: Annotated[str, typer.Option(help="train or test, for folders of idx files.")] = "train",
    images: Annotated[int | None, typer.Option(help="Number of images; all by default.")] = None,
    crop: CropOption = None,
    preset: PresetOption = "mnist",
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.")] = None,
    resume: Annotated[bool, typer.Option(help="Keep the measurements of an interrupted run.")] = True,
    backend: BackendOption = LOCAL,
) -> None:
    """Measure with the codec everything that a policy may choose on every image, for training and evaluation.

    Measurements are kept in a folder OUTPUT.partial beside the trace until the trace is complete.
    """
    from rlcodec.envs.measure import MeasureOptions
    from rlcodec.envs.tasks import task_of

    task = task_of(preset)
    announce_compilation()
    loaded = task.read_images(data, split, images, crop)
    partial = output.with_name(output.name + ".partial")
    if not resume:
        shutil.rmtree(partial, ignore_errors=True)
    with progress("tracing") as report:
        traced = task.measure(loaded, MeasureOptions(workers, report, partial, backend))
    task.save(output, traced)
    shutil.rmtree(partial, ignore_errors=True)
    say(f"{output}: {len(traced)} images")


@command(
    "rlcodec train runs/train.npz --out runs/ppo --timesteps 4000000",
    "rlcodec train runs/train.npz --algo dqn --out runs/dqn --timesteps 1000000",
    "rlcodec train runs/train.npz --out runs/other --hyperparameters other.yml",
    "rlcodec train runs/photo.npz --preset photo --out runs/photo --hyperparameters agents/ppo-photo.yml --imitate 200",
    "rlcodec train runs/jpeg.npz --preset external --out runs/jpeg",
)
def train(
    trace_file: Annotated[Path, typer.Argument(metavar="TRACE", help="A trace of training images.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/ppo"),
    algo: Annotated[
        str | None,
        typer.Option(help="ppo, a2c, dqn, qrdqn, maskable-ppo, or a registered algorithm; by default the run's own, or ppo."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="AdvisedPolicy, which starts from the planner's advice, or MlpPolicy; by default that of the file."),
    ] = None,
    hyperparameters: Annotated[
        Path | None,
        typer.Option(help="YAML file of hyperparameters, as for rl_zoo3; by default the run's own, or those of the package."),
    ] = None,
    timesteps: Annotated[int | None, typer.Option(help="Environment steps in all.")] = None,
    envs: Annotated[int | None, typer.Option(help="Episodes side by side.")] = None,
    imitate: Annotated[
        int | None,
        typer.Option(min=0, help="First imitate the oracle under so many objectives; by default the run's own, or 0."),
    ] = None,
    preset: PresetOption = "mnist",
    seed: Annotated[
        int | None, typer.Option(help="Seed of weights, images and actions; by default the run's own, or 0.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for such small networks the CPU is usually faster.")] = "cpu",
    resume: ResumeOption = True,
) -> None:
    """Train a policy, and export it into the folder of the run."""
    from rlcodec.agents.export import export_trained
    from rlcodec.agents.reported_results import POLICY_FILE
    from rlcodec.agents.training import TrainOptions
    from rlcodec.agents.training import train as train_policy
    from rlcodec.envs.tasks import task_and_trace

    for option, value in (("timesteps", timesteps), ("envs", envs)):
        if value is not None and value <= 0:
            raise OptionError(f"{option} is {value}; it must be positive")
    given = {"n_timesteps": timesteps, "n_envs": envs, "seed": seed, "imitation": imitate}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    settings = _settings(out if resume else None, preset, algo, hyperparameters)
    if network is not None:
        settings = settings.with_policy(network)
    settings = replace(settings, **changed, device=torch_device(device))
    task, loaded = task_and_trace(preset, trace_file)
    trained = train_policy(loaded, task, settings, out, TrainOptions(resume, progress=True))
    export_trained(trained, out / POLICY_FILE)
    say(f"{out}: trained for {settings.n_timesteps} steps; its policy is {out / POLICY_FILE}")


def _settings(run: Path | None, preset: str, algo: str | None, hyperparameters: Path | None) -> "Settings":
    """The settings of a run that may be resumed, or those of a file, or the defaults of an algorithm."""
    from rlcodec.agents.hyperparameters import DEFAULT_ALGORITHM, read_settings
    from rlcodec.agents.run_folder import RUN_FILE, read_run

    stored = read_run(run, preset).settings if run is not None and (run / RUN_FILE).exists() else None
    if stored is not None and hyperparameters is None and algo in (None, stored.algorithm):
        return stored
    return read_settings(algo or (stored.algorithm if stored else DEFAULT_ALGORITHM), hyperparameters)


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
        typer.Argument(metavar="TRACE|DATA|PRESET", help="A trace of held-out images, a folder of images, or a preset's name."),
    ],
    codecs: Annotated[
        str | None,
        typer.Option(
            help="With a folder of images: codecs to compare, separated by commas: rlcodec:PRESET (for photo also "
            "rlcodec:photo/full and /plain), policy:shipped, jpeg, webp, avif, jxl, jp2, png."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="With a preset: folder of idx files or images.")] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Number of images; all by default, and 1000 digits with preset mnist.")
    ] = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option(help="A policy file; with a trace the shipped one by default. With codecs repeatable, beside them."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write the table, .csv; of codecs also .parquet, and rows of an existing table are kept."),
    ] = None,
    anchor: Annotated[
        str | None, typer.Option(help="With codecs: the codec that BD-rates are against; by default jpeg, or the first.")
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option(help="With codecs: folder for JSON files of their curves, in the format of learned-compression tools."),
    ] = None,
    published: Annotated[
        list[Path] | None, typer.Option(help="With codecs: such a JSON file, whose curve is compared too; repeatable.")
    ] = None,
    split: Annotated[str, typer.Option(help="With codecs: train or test, for folders of idx files.")] = "test",
    workers: Annotated[
        int | None, typer.Option(min=1, help="With codecs: processes; all cores by default. Take 1 for times to quote.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="With codecs: keep the rows that the table has already.")] = True,
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of a run: evaluates its policy.onnx and reports the result in results.json there."),
    ] = None,
    claim: Annotated[
        Path | None, typer.Option(help="Folder in whose results.json the result of the shipped policy is reported.")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Number of episodes to report.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of these episodes.")] = 0,
    preset: PresetOption = "mnist",
    backend: Annotated[str, typer.Option(help="With codecs: local or ray, as for `rlcodec encode`.")] = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Compare codecs on images; or a policy with the best fixed setting, a threshold rule, the planner and the oracle.

    With a folder and --codecs every picture is coded at every setting: rate, PSNR, MS-SSIM, times and decoder kMAC, a row
    each; BD-rates are printed with the range of decibels that they span. With a trace the policy is evaluated. With the name
    of a preset a published comparison is reproduced on the images of a folder, and a figure is written beside the table:
    mnist beside JPEG, PNG, WebP, AVIF, JPEG 2000, JPEG XL, gzip, bz2 and xz, on test digits; compact beside JPEG and WebP at
    their defaults and at equal quality.
    """
    from rlcodec.presets.registry import preset_names

    if codecs is not None:
        if run or claim or data:
            raise OptionError("codecs are compared on a folder of images; data, run and claim are for presets and traces")
        from rlcodec.cli.compare import CompareOptions, compare_codecs
        from rlcodec.evaluation.codecs import LOG10_COMPUTE_WEIGHT, POLICY

        names = [name.strip() for name in codecs.split(",") if name.strip()]
        names += [f"{POLICY}{path}{variant}" for path in policy or () for variant in LOG10_COMPUTE_WEIGHT]
        options = CompareOptions(out, split, images, workers, resume, backend, anchor, curves, tuple(published or ()), as_json)
        compare_codecs(subject, names, options)
        return
    if backend != LOCAL or any(option is not None for option in (anchor, curves, published, workers)):
        raise OptionError("anchor, curves, published, workers and backend go with codecs")
    if policy and len(policy) > 1:
        raise OptionError("one policy at a time is evaluated on a trace")
    if sum(option is not None for option in (policy, run, claim)) > 1:
        raise OptionError(
            "give one of policy, run and claim: results are reported of a run's own policy, or of the shipped one"
        )
    if subject.name in preset_names() and not subject.exists():
        if run or claim:
            raise OptionError("results are reported of a trace; `rlcodec trace` makes one")
        if data is None:
            raise OptionError(f"name the folder of images: rlcodec evaluate {subject} --data DIR")
        from rlcodec.cli.compare import reproduce_comparison

        reproduce_comparison(subject.name, data, images, out, as_json)
        return
    if subject.is_dir():
        raise OptionError(f"{subject}: is a folder; name --codecs to compare on its images, or a trace of them")
    _evaluate_trace(subject, preset, _Evaluated(policy[0] if policy else None, run, claim, episodes, seed), out, as_json)


@dataclass(frozen=True)
class _Evaluated:
    """Which policy is evaluated (the shipped one if none is named), and where and with which episodes it is reported."""

    policy: Path | None
    run: Path | None
    claim: Path | None
    episodes: int
    seed: int


def _evaluate_trace(trace_file: Path, preset: str, evaluated: _Evaluated, out: Path | None, as_json: bool) -> None:
    """Evaluates a policy on a trace; prints and writes the table, and reports the result."""
    from rlcodec.agents.evaluate import evaluate_policy
    from rlcodec.agents.reported_results import POLICY_FILE
    from rlcodec.core.files import write_bytes
    from rlcodec.envs.tasks import task_and_trace

    task, held_out = task_and_trace(preset, trace_file)
    policy = task.load_policy(evaluated.run / POLICY_FILE if evaluated.run else evaluated.policy)
    with progress("evaluating") as report:
        evaluation = evaluate_policy(task.hindsight(held_out, policy.predictor), policy, report)
    if out is not None:
        write_bytes(out, evaluation.table.to_csv(index=False).encode())
    results_file = _report(task, held_out, policy, evaluation, evaluated)
    if as_json:
        summary = {"images": len(held_out), "share": evaluation.share, "low": evaluation.low, "high": evaluation.high}
        print(json.dumps(summary | {"objectives": evaluation.objectives, "table": evaluation.table.to_dict("records")}))
        return
    say(evaluation.table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    say(
        f"share of the gap from best fixed to oracle: {evaluation.share:.3f} [{evaluation.low:.3f}, {evaluation.high:.3f}], "
        f"mean of {evaluation.objectives} objectives, {len(held_out)} images"
    )
    if results_file:
        say(f"wrote {results_file}")


def _report(task: Any, held_out: Any, policy: Any, evaluation: "Evaluation", evaluated: _Evaluated) -> Path | None:
    """Writes results.json if results are to be reported; its path."""
    from rlcodec.agents.reported_results import (
        POLICY_FILE,
        SHIPPED,
        EpisodeDraw,
        EvaluatedPolicy,
        make_results,
        write_results,
    )

    folder = evaluated.run or evaluated.claim
    if folder is None:
        return None
    subject = EvaluatedPolicy(folder, POLICY_FILE if evaluated.run else SHIPPED, policy)
    draw = EpisodeDraw(evaluated.episodes, evaluated.seed)
    return write_results(folder, make_results(task, held_out, subject, evaluation, draw))


@command("rlcodec export runs/ppo runs/policy.onnx")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run. It holds pickled code: export only runs that you trust.")],
    output: Annotated[
        Path | None, typer.Argument(help="The policy file to write, .onnx; by default policy.onnx of the run.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Name of the preset that the run must be of; by default the one that it names.")
    ] = None,
) -> None:
    """Export a trained policy as one ONNX file that `rlcodec encode --policy` runs."""
    from rlcodec.agents.export import export_trained
    from rlcodec.agents.reported_results import POLICY_FILE
    from rlcodec.agents.training import load_trained

    output = output or run / POLICY_FILE
    export_trained(load_trained(run, preset), output)
    say(f"wrote {output}")


@command("rlcodec validate runs/reference/mnist-shipped --data data/mnist")
def validate(
    run: Annotated[
        Path,
        typer.Argument(help="Folder of a run. Nothing in it is unpickled or executed, so it may come from anywhere."),
    ],
    data: Annotated[Path, typer.Option(help="The images that it was evaluated on, as for `rlcodec trace`.")],
    split: Annotated[str, typer.Option(help="train or test, for folders of idx files.")] = "test",
    images: Annotated[int | None, typer.Option(min=1, help="Number of images; by default as many as were evaluated.")] = None,
    crop: CropOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also measure every image anew, and from that the share, its interval and the table.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Replay what a run reports through the real codec, and confirm or refute it.

    Reads only results.json and policy.onnx of the run, never its checkpoint. Every reported episode is replayed twice: its
    actions through the codec, and the policy through the encoder. The exit code is 0 if everything is confirmed, 1 if something
    is refuted, and 2 if the run cannot be validated: a file is missing or broken, or these are other images.
    """
    from rlcodec.agents.reported_results import read_results
    from rlcodec.agents.validation import validate as validate_results
    from rlcodec.envs.tasks import task_of

    results = read_results(run)
    limit = results.images if images is None and crop is None else images
    loaded = task_of(results.preset).read_images(data, split, limit, crop)
    announce_compilation()
    with progress("replaying") as report:
        findings = validate_results(results, run, loaded, full, report)
    confirmed = all(finding.confirmed for finding in findings)
    if as_json:
        print(json.dumps({"confirmed": confirmed, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            say(f"{finding.subject}: {'confirmed' if finding.confirmed else 'REFUTED'}: {finding.detail}")
    if not confirmed:
        raise typer.Exit(EXIT_REFUTED)
