"""Exports a trained policy as one ONNX file that the runtime runs without torch."""

import io
import json
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from rlcodec.agents.ppo import AdvisedPolicy
from rlcodec.control.onnx_policy import METADATA_KEY
from rlcodec.core.files import write_bytes
from rlcodec.envs.tasks import Task
from rlcodec.errors import PolicyError

OPSET = 17


class _Actor(nn.Module):
    def __init__(self, policy: AdvisedPolicy):
        super().__init__()
        self.policy = policy

    def forward(self, observation: Tensor) -> Tensor:
        return self.policy.logits(observation)


def policy_macs(policy: AdvisedPolicy) -> int:
    """Multiply-accumulates of one decision."""
    actor = [policy.mlp_extractor.policy, policy.action_net]
    return sum(m.weight.numel() for part in actor for m in part.modules() if isinstance(m, nn.Linear))


def export_policy(policy: AdvisedPolicy, predictor: Any, task: Task, path: Path, notes: dict[str, Any]) -> None:
    """Writes the policy file.

    Args:
        policy: trained.
        predictor: the predictions that its observations were made with.
        task: of the preset it was trained for.
        path: of the file, written whole or not at all.
        notes: of the training, kept in the metadata.

    Raises:
        PolicyError: ONNX's checker refuses the graph.
        OutputError: the file cannot be written.
    """
    size = sum(length for _, length, _ in task.layout)
    buffer = io.BytesIO()
    actor = _Actor(policy.cpu()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            actor, (torch.zeros(1, size),), buffer, input_names=["observation"], output_names=["logits"],
            dynamic_axes={"observation": {0: "batch"}, "logits": {0: "batch"}}, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    graph = onnx.load_from_string(buffer.getvalue())
    metadata = task.describe() | {
        "macs": policy_macs(policy),
        "predictor": json.loads(predictor.to_json()),
        "training": notes,
    }
    entry = graph.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata)
    try:
        onnx.checker.check_model(graph)
    except onnx.checker.ValidationError as error:
        raise PolicyError(f"the exported graph is not valid ONNX ({error})") from error
    write_bytes(path, graph.SerializeToString())
