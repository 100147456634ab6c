"""Export of trained modules as ONNX graphs."""

import io
import warnings

import onnx
import torch
from torch import Tensor, nn

OPSET = 17


def onnx_graph(module: nn.Module, example: Tensor, names: tuple[str, str], free_axes: dict[int, str]) -> onnx.ModelProto:
    """The graph of a module with one input and one output.

    Args:
        module: moved to the CPU, in float32 and evaluation mode.
        example: an input.
        names: of the input and of the output.
        free_axes: names of the axes, by number, whose lengths vary.

    Raises:
        onnx.checker.ValidationError: ONNX's checker refuses the graph.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.cpu().float().eval(), (example,), buffer, input_names=names[:1], output_names=names[1:],
            dynamic_axes=dict.fromkeys(names, free_axes), opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    graph = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(graph)
    return graph
