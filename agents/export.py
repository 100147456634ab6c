"""Exports a trained policy as one ONNX file that the runtime runs without torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from rlcodec.agents.actors import linear_macs
from rlcodec.agents.training import TrainedPolicy
from rlcodec.control.decision_process import Predictor
from rlcodec.control.onnx_policy import METADATA_KEY, description_of
from rlcodec.core.files import write_bytes
from rlcodec.envs.tasks import Task
from rlcodec.errors import PolicyError
from rlcodec.training.onnx_export import onnx_graph


def export_policy(actor: nn.Module, predictor: Predictor, task: Task, path: Path, notes: Mapping[str, Any]) -> None:
    """Writes a policy file.

    Args:
        actor: module from observations, float32 (B, size), to scores of actions, (B, actions), for instance
            `rlcodec.agents.actors.PolicyLogits` of a policy of Stable-Baselines3.
        predictor: the predictions with which its observations were made.
        task: of the preset that it was trained for.
        path: of the file, which is written whole or not at all.
        notes: about the training, kept in the metadata.

    Raises:
        PolicyError: ONNX's checker refuses the graph.
        OutputError: the file cannot be written.
    """
    size = task.spec.observation_size
    try:
        graph = onnx_graph(actor, torch.zeros(1, size), ("observation", "logits"), {0: "batch"})
    except onnx.checker.ValidationError as error:
        raise PolicyError(f"the exported graph is not valid ONNX ({error})") from error
    metadata = description_of(task.spec) | {
        "macs": linear_macs(actor, size),
        "predictor": json.loads(predictor.to_json()),
        "training": dict(notes),
    }
    entry = graph.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata)
    write_bytes(path, graph.SerializeToString())


def export_trained(trained: TrainedPolicy, path: Path) -> None:
    """Writes the policy file of a run; its notes are the run's settings, the algorithm's name among them. Raises as above."""
    run = trained.run
    export_policy(trained.actor.module, run.predictor, run.task, path, run.settings.to_dict())
