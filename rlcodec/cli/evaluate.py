"""`rlcodec evaluate`: compares codecs on images, a policy with its baselines on a trace, or a preset as it was published."""

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from rlcodec.cli.common import (
    EXIT_FAILURE,
    JSON_HELP,
    PRESET_HELP,
    command,
    complain,
    progress,
    say,
)
from rlcodec.cli.parameters import Argument
from rlcodec.errors import OptionError
from rlcodec.options import option
from rlcodec.parallel.options import LOCAL
from rlcodec.presets.registry import preset_names

SUMMARY_COLUMNS = 132
"""Columns of a terminal that the summary needs to stay on one line per codec."""


@dataclass(frozen=True)
class EvaluateOptions:
    """What is evaluated, on what, and where the results are written."""

    codecs: str | None = option(
        "With a folder of images: codecs to compare, separated by commas: rlcodec:PRESET (for photo also "
        "rlcodec:photo/full and /plain), policy:shipped, jpeg, webp, avif, jxl, jp2, png; formats and presets with options "
        "of theirs, as in avif:444:speed=4, webp:method=6, jxl:effort=7 or jpeg:420."
    )
    data: Path | None = option("With a preset: folder of idx files or images.")
    images: int | None = option("Number of images; all by default, and 1000 digits with preset mnist.", least=1)
    policy: tuple[Path, ...] = option(
        "A policy file; with a trace the shipped one by default. With codecs repeatable, beside them.", ()
    )
    out: Path | None = option(
        "Where to write the table, .csv; of codecs also .parquet, and rows of an existing table are kept."
    )
    anchor: str | None = option("With codecs: the codec that BD-rates are against; by default jpeg, or the first.")
    curves: Path | None = option(
        "With codecs: folder for JSON files of their curves, in the format of learned-compression tools."
    )
    published: tuple[Path, ...] = option("With codecs: such a JSON file, whose curve is compared too; repeatable.", ())
    split: str = option("With codecs: train or test, for folders of idx files.", "test")
    workers: int | None = option("With codecs: processes; all cores by default. Take 1 for times to quote.", least=1)
    resume: bool = option("With codecs: keep the rows that the table has already.", True)
    run: Path | None = option("Folder of a run: evaluates its policy.onnx and reports the result in results.json there.")
    report_shipped: Path | None = option("Folder in whose results.json the result of the shipped policy is reported.")
    episodes: int = option("Number of episodes to report.", 100, least=1)
    seed: int = option("Seed of these episodes.", 0, least=0)
    preset: str = option(PRESET_HELP, "mnist")
    backend: str = option("With codecs: local or ray, as for `rlcodec encode`.", LOCAL)
    json: bool = option(JSON_HELP, False)


@command(
    "rlcodec evaluate photos/val --codecs rlcodec:photo,jpeg,webp,avif,jxl,jp2 --out runs/photos/codecs.csv",
    "rlcodec evaluate photos/val --codecs rlcodec:photo,avif:444:speed=4,avif:420:speed=6 --anchor avif:444:speed=4",
    "rlcodec evaluate photos/val --codecs policy:shipped,jpeg --policy runs/policy.onnx --out runs/policies.csv",
    "rlcodec evaluate runs/test.npz --policy runs/policy.onnx --out runs/evaluation.csv",
    "rlcodec evaluate runs/test.npz --run runs/ppo",
    "rlcodec evaluate mnist --data data/mnist --out runs/comparison.csv",
    "rlcodec evaluate compact --data photos/val720 --out runs/compact.csv",
)
def evaluate(
    subject: Annotated[
        Path,
        Argument(metavar="TRACE|DATA|PRESET", help="A trace of held-out images, a folder of images, or a preset's name."),
    ],
    options: EvaluateOptions,
) -> None:
    """Compare codecs on images; or a policy with the best fixed setting, a threshold rule, the planner and the oracle.

    With a folder and --codecs every picture is coded at every setting: rate, PSNR, MS-SSIM, SSIMULACRA2, PSNR-HVS-M (with
    the extra metrics), times and decoder kMAC, a row each; BD-rates are printed with the range of qualities that they span.
    Options of a format or preset follow its name, each after a colon: OPTION=VALUE by the names of Pillow or of `rlcodec
    encode`, or 444, 422 or 420 for the resolution of colours; avif alone is avif:444:speed=4, webp is webp:method=6, and jxl
    is jxl:effort=7.

    With a trace the policy is evaluated. With the name of a preset a published comparison is reproduced on the images of a
    folder, and a figure is written beside the table: mnist beside JPEG, PNG, WebP, AVIF, JPEG 2000, JPEG XL, gzip, bz2 and
    xz, on test digits; compact beside JPEG and WebP at their defaults and at equal quality.
    """
    if options.codecs is not None:
        _compare_codecs(subject, options.codecs, options)
        return
    if options.backend != LOCAL or options.anchor or options.curves or options.published or options.workers:
        raise OptionError("anchor, curves, published, workers and backend go with codecs")
    if len(options.policy) > 1:
        raise OptionError("one policy at a time is evaluated on a trace")
    if bool(options.policy) + bool(options.run) + bool(options.report_shipped) > 1:
        raise OptionError(
            "give one of policy, run and report-shipped: results are reported of a run's own policy, or of the shipped one"
        )
    if subject.name in preset_names() and not subject.exists():
        _reproduce_comparison(subject.name, options)
    else:
        _evaluate_trace(subject, options)


def _compare_codecs(data: Path, listed: str, options: EvaluateOptions) -> None:
    """Measures codecs on a folder of images, writes the table and curves, and prints a summary."""
    from rlcodec.evaluation.codecs import LOG10_COMPUTE_WEIGHT, POLICY, codec_by_name
    from rlcodec.evaluation.curves import anchor_of, mean_curves, summary_of, with_published, write_curves
    from rlcodec.evaluation.rate_distortion import TableOptions, measure_codecs, table_of

    if options.run or options.report_shipped or options.data:
        raise OptionError("codecs are compared on a folder of images; data, run and report-shipped are for presets and traces")
    names = [name.strip() for name in listed.split(",") if name.strip()]
    names += [f"{POLICY}{path}{variant}" for path in options.policy for variant in LOG10_COMPUTE_WEIGHT]
    if len(set(names)) < len(names) or not names:
        raise OptionError("name codecs, each once, with commas between them" if not names else "a codec is named twice")
    with_published(mean_curves(table_of()), options.published)  # unreadable files are reported before hours of measuring
    with progress("measuring") as report:
        table_options = TableOptions(
            options.out, options.split, options.images, options.workers, options.resume, report, options.backend
        )
        measured = measure_codecs(data, names, table_options)
    complain(*measured.failures)
    curves = mean_curves(measured.table[measured.table.codec.isin(names)])
    if options.curves is not None:
        write_curves(curves, options.curves, {name: codec_by_name(name).about for name in names})
    anchor = options.anchor or anchor_of(names)
    summary = summary_of(with_published(curves, options.published), anchor)
    if options.json:
        rows = json.loads(summary.to_json(orient="records"))
        print(json.dumps({"anchor": anchor, "kept_rows": measured.kept, "codecs": rows}))
    else:
        _show_summary(summary, anchor)
        if options.out:
            say(f"{options.out}: {len(measured.table)} rows, {measured.kept} of them measured before")
    if measured.failures:
        sys.exit(EXIT_FAILURE)


def _show_summary(summary: Any, anchor: str) -> None:
    from rich import get_console
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Column, Table

    from rlcodec.evaluation.curves import MEASURES

    titles = ("codec", "bpp", *(f"BD-rate, {title}" for title in MEASURES.values()), "encode ms", "decode ms", "kMAC/px")
    table = Table(*(Column(title, no_wrap=True) for title in titles), box=SIMPLE, padding=(0, 1, 0, 0))

    def shown(value: float, form: str) -> str:
        return "" if math.isnan(value) else form.format(value)

    for _, row in summary.iterrows():
        rates = [
            shown(row[f"bd_rate_percent_{name}"], f"{{:+.1f}}%, {row[f'low_db_{name}']:.0f} to {row[f'high_db_{name}']:.0f}")
            for name in (measure.removesuffix("_db") for measure in MEASURES)
        ]
        table.add_row(
            row.codec, f"{row.low_bpp:.2f} to {row.high_bpp:.2f}", *rates, shown(row.encode_ms, "{:.1f}"),
            shown(row.decode_ms, "{:.1f}"), shown(row.decoder_kmac_per_pixel, "{:.2f}"),
        )  # fmt: skip
    terminal = get_console()  # whose own `quiet` is set by --quiet
    Console(file=terminal.file, width=max(terminal.width, SUMMARY_COLUMNS), quiet=terminal.quiet).print(table)
    say(
        f"{summary.pictures.max()} pictures; BD-rates relative to {anchor}, over the dB, or points of SSIMULACRA2, that both "
        "curves span; times and compute at the settings nearest to 1 bit per pixel, medians and means"
    )


def _reproduce_comparison(preset: str, options: EvaluateOptions) -> None:
    """Repeats the published comparison of a preset on the images of a folder, and writes its table and figure."""
    from rlcodec.core.files import write_bytes
    from rlcodec.evaluation.figures import save_figure
    from rlcodec.evaluation.published import COMPARISONS

    if options.run or options.report_shipped:
        raise OptionError("results are reported of a trace; `rlcodec trace` makes one")
    if options.data is None:
        raise OptionError(f"name the folder of images: rlcodec evaluate {preset} --data DIR")
    if preset not in COMPARISONS:
        raise OptionError(
            f"there is no published comparison of preset {preset}, only of {', '.join(COMPARISONS)}; "
            f"compare codecs by rlcodec evaluate {options.data} --codecs rlcodec:{preset},jpeg,webp,avif"
        )
    with progress("comparing") as report:
        comparison = COMPARISONS[preset](options.data, options.images, report)
    if options.out is not None:
        write_bytes(options.out, comparison.table.to_csv(index=False).encode())
        save_figure(comparison.figure, options.out.with_suffix(".png"))
    if options.json:
        print(comparison.table.to_json(orient="records"))
        return
    say(comparison.table.to_string(index=False, float_format=lambda v: f"{v:.3f}"))
    if comparison.note:
        say(f"\n{comparison.note}")


def _evaluate_trace(trace_file: Path, options: EvaluateOptions) -> None:
    """Evaluates a policy on a trace; prints and writes the table, and reports the result."""
    from rlcodec.agents.evaluate import evaluate_policy
    from rlcodec.agents.reported_results import POLICY_FILE, make_results, write_results
    from rlcodec.core.files import write_bytes
    from rlcodec.envs.tasks import task_and_trace

    if trace_file.is_dir():
        raise OptionError(f"{trace_file}: is a folder; name --codecs to compare on its images, or a trace of them")
    task, held_out = task_and_trace(options.preset, trace_file)
    policy_file = options.run / POLICY_FILE if options.run else next(iter(options.policy), None)
    policy = task.load_policy(policy_file)
    with progress("evaluating") as report:
        evaluation = evaluate_policy(task.hindsight(held_out, policy.predictor), policy, report)
    if options.out is not None:
        write_bytes(options.out, evaluation.table.to_csv(index=False).encode())
    folder, results_file = options.run or options.report_shipped, None
    if folder is not None:
        results = make_results(task, held_out, policy_file, evaluation, options.episodes, options.seed)
        results_file = write_results(folder, results)
    if options.json:
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
