"""Commands that pass policies and their results on, and check those of others: export and validate."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from rlcodec.cli.common import JSON_HELP, command, progress, say
from rlcodec.cli.parameters import Argument, Option
from rlcodec.cli.policies import CROP_HELP
from rlcodec.options import option

EXIT_REFUTED = 1


@command("rlcodec export runs/ppo runs/policy.onnx")
def export(
    run: Annotated[Path, Argument(help="Folder of a run. It holds pickled code: export only runs that you trust.")],
    output: Annotated[Path | None, Argument(help="The policy file to write, .onnx; by default policy.onnx of the run.")] = None,
    preset: Annotated[
        str | None, Option(help="Name of the preset that the run must be of; by default the one that it names.")
    ] = None,
) -> None:
    """Export a trained policy as one ONNX file that `rlcodec encode --policy` runs."""
    from rlcodec.agents.export import export_trained
    from rlcodec.agents.reported_results import POLICY_FILE
    from rlcodec.agents.training import load_trained

    output = output or run / POLICY_FILE
    export_trained(load_trained(run, preset), output)
    say(f"wrote {output}")


@dataclass(frozen=True)
class ValidateOptions:
    """Which images a run is validated on, and how thoroughly."""

    split: str = option("train or test, for folders of idx files.", "test")
    images: int | None = option("Number of images; by default as many as were evaluated.", least=1)
    crop: int | None = option(CROP_HELP, least=64)
    full: bool = option("Also measure every image again, and compute the share, its interval and the table.", False)
    json: bool = option(JSON_HELP, False)


@command("rlcodec validate runs/reference/mnist-shipped --data data/mnist")
def validate(
    run: Annotated[
        Path,
        Argument(help="Folder of a run. Nothing in it is unpickled or executed, so it may come from anywhere."),
    ],
    data: Annotated[Path, Option(help="The images that it was evaluated on, as for `rlcodec trace`.")],
    options: ValidateOptions,
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
    limit = results.images if options.images is None and options.crop is None else options.images
    images = task_of(results.preset).read_images(data, options.split, limit, options.crop)
    with progress("replaying") as report:
        findings = validate_results(results, run, images, options.full, report)
    confirmed = all(finding.confirmed for finding in findings)
    if options.json:
        print(json.dumps({"confirmed": confirmed, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            say(f"{finding.subject}: {'confirmed' if finding.confirmed else 'REFUTED'}: {finding.detail}")
    if not confirmed:
        sys.exit(EXIT_REFUTED)
