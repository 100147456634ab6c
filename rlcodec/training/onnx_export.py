"""Export of trained modules as ONNX graphs."""

import io
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
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


def halve_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its matrices and kernels stored in float16, half the size; they are converted when it is loaded.

    Raises:
        onnx.checker.ValidationError: ONNX's checker refuses the graph.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(graph)
    casts = []
    for tensor in halved.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            name, stored = tensor.name, f"{tensor.name}.half"
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    onnx.checker.check_model(halved)
    return halved
