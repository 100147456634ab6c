"""The repair network in torch, trained as the integers compute it, and its export to ONNX.

Both levels share a trunk: `light` ends after it, `full` continues. Activations are uint8 with one scale for a tensor. Weights
have 7 bits and a scale for every channel: processors without VNNI add pairs of products in saturating 16 bits, which those of
7-bit weights never reach.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from rlcodec.presets.photo._repair import ZERO
from rlcodec.presets.photo.repair import (
    FULL_BLOCKS,
    FULL_CHANNELS,
    INPUT_CHANNELS,
    INPUT_UNIT,
    LIGHT_BLOCKS,
    LIGHT_CHANNELS,
    OUTPUT_CHANNELS,
    OUTPUT_UNIT,
    REPAIRS,
)
from rlcodec.training.onnx_export import OPSET

LARGEST_WEIGHT = 63
CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
SMALLEST_SCALE = 1e-8
SAMPLED = 7
"""Of so many activations one is looked at to find the scale."""
OUTLIERS = 1.3e-4
"""Fraction of activations that may be clipped."""


class _Rounded(torch.autograd.Function):
    """Rounds to multiples of a scale and clips; the gradient passes where nothing was clipped."""

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, low: int, high: int) -> Tensor:  # type: ignore[override]
        rounded = torch.round(x / scale.to(x.dtype))
        ctx.save_for_backward((rounded >= low) & (rounded <= high))
        return rounded.clamp_(low, high).mul_(scale.to(x.dtype))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None, None


class Activation(nn.Module):
    """A ReLU, or with `signed` the identity; rounded to 8 bits when `rounds` is set."""

    scale: Tensor

    def __init__(self, signed: bool = False):
        super().__init__()
        self.signed, self.rounds = signed, False
        self.samples: list[Tensor] | None = None
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.samples is not None:
            self.samples.append((x.abs() if self.signed else x).detach().flatten()[::SAMPLED].float())
        if not self.rounds:
            return x if self.signed else torch.relu(x)
        return _Rounded.apply(x, self.scale, -ZERO if self.signed else 0, 255 - ZERO if self.signed else 255)

    def calibrate(self) -> None:
        """Sets the scale so that few of the samples are clipped."""
        values = torch.cat(self.samples or []).sort().values
        largest = float(values[-1 - int(OUTLIERS * len(values))])
        self.scale.fill_(max(largest, SMALLEST_SCALE) / (ZERO - 1 if self.signed else 255))
        self.samples = None


class RoundedConv(nn.Conv2d):
    """A convolution that keeps the size; with weights of 7 bits when `rounds` is set."""

    def __init__(self, inputs: int, outputs: int, side: int = 3):
        super().__init__(inputs, outputs, side, padding=side // 2)
        self.rounds = False

    def scales(self) -> Tensor:
        """Scale of the weights of each output, float (outputs,)."""
        return (self.weight.detach().abs().amax((1, 2, 3)) / LARGEST_WEIGHT).clamp_min(SMALLEST_SCALE)

    def integers(self) -> Tensor:
        """The weights in units of their scales, as floats."""
        return torch.round(self.weight.detach() / self.scales()[:, None, None, None])

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        if self.rounds:
            weight = weight + (self.integers() * self.scales()[:, None, None, None] - weight.detach())
        return F.conv2d(x, weight, self.bias, padding=self.padding)


class Block(nn.Module):
    """Two convolutions whose output is added to their input.

    There is no ReLU after the sum: sums that are never negative have a large mean, along which units die.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.inner, self.outer = RoundedConv(channels, channels), RoundedConv(channels, channels)
        self.between, self.added, self.sum = Activation(), Activation(signed=True), Activation(signed=True)
        with torch.no_grad():
            self.outer.weight.mul_(0.3)
        nn.init.zeros_(self.outer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.sum(x + self.added(self.outer(self.between(self.inner(x)))))


class RepairNet(nn.Module):
    """The repair networks of both levels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.after_first = RoundedConv(INPUT_CHANNELS, LIGHT_CHANNELS), Activation(signed=True)
        self.light = nn.ModuleList(Block(LIGHT_CHANNELS) for _ in range(LIGHT_BLOCKS))
        self.widen, self.after_widen = RoundedConv(LIGHT_CHANNELS, FULL_CHANNELS), Activation()
        self.full = nn.ModuleList(Block(FULL_CHANNELS) for _ in range(FULL_BLOCKS))
        self.heads = nn.ModuleDict({name: RoundedConv(FULL_CHANNELS, OUTPUT_CHANNELS, 1) for name in REPAIRS})
        for head in self.heads.values():
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """What to add to the picture, in local steps, float (n, OUTPUT_CHANNELS, rows, columns) by level."""
        x = self.after_first(self.first(x))
        for block in self.light:
            x = block(x)
        x = self.after_widen(self.widen(x))
        added = {"light": self.heads["light"](x)}
        for block in self.full:
            x = block(x)
        return added | {"full": self.heads["full"](x)}

    def activations(self) -> list[Activation]:
        """All activations."""
        return [module for module in self.modules() if isinstance(module, Activation)]

    @contextmanager
    def calibrating(self) -> Iterator[None]:
        """Finds the scales of activations from what is computed meanwhile."""
        for activation in self.activations():
            activation.samples = []
        yield
        for activation in self.activations():
            activation.calibrate()

    def round(self) -> "RepairNet":
        """From now on computes with rounded weights and activations."""
        for module in self.modules():
            if isinstance(module, Activation | RoundedConv):
                module.rounds = True
        return self


class _Graph:
    """Nodes and constants of an ONNX graph of quantised tensors."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, value: np.ndarray) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: object) -> str:
        name = output or f"tensor{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def quantised(self, x: str, scale: float, zero: int) -> str:
        return self.node("QuantizeLinear", [x, self.constant(np.float32(scale)), self.constant(np.uint8(zero))])  # type: ignore[arg-type]

    def dequantised(self, x: str, scale: float, zero: int) -> str:
        return self.node("DequantizeLinear", [x, self.constant(np.float32(scale)), self.constant(np.uint8(zero))])  # type: ignore[arg-type]

    def activation(self, x: str, activation: Activation) -> str:
        scale, zero = float(activation.scale), ZERO if activation.signed else 0
        return self.dequantised(self.quantised(x, scale, zero), scale, zero)

    def conv(self, x: str, scale: float, layer: RoundedConv, relu: bool) -> str:
        """A convolution of a tensor whose integers have a scale."""
        scales = layer.scales().numpy().astype(np.float32)
        bias = np.rint(layer.bias.detach().numpy() / (scales * np.float32(scale)))  # type: ignore[union-attr]
        stored = (
            (layer.integers().numpy().astype(np.int8), scales),
            (np.clip(bias, -(2**30), 2**30).astype(np.int32), scales * np.float32(scale)),
        )
        weight, added = (
            self.node(
                "DequantizeLinear",
                [self.constant(integers), self.constant(unit), self.constant(np.zeros(len(unit), integers.dtype))],
                axis=0,
            )
            for integers, unit in stored
        )
        y = self.node("Conv", [x, weight, added], pads=[layer.padding[0]] * 4, kernel_shape=list(layer.kernel_size))  # type: ignore[list-item]
        return self.node("Relu", [y]) if relu else y


def repair_graph(net: RepairNet, level: str) -> onnx.ModelProto:
    """The ONNX graph of a level: quantised and dequantised tensors around float operators, which ONNX Runtime runs in integers.

    All tensors are uint8 with channels last. `light` takes `picture`, see `rlcodec.presets.photo.repair.network_input`, and has
    the outputs `added`, see `add_output` there, and `features`; `full` continues from `features` to its own `added`.

    Args:
        net: on the CPU, calibrated.
        level: one of REPAIRS.

    Raises:
        onnx.checker.ValidationError: ONNX's checker refuses the graph.
    """
    graph = _Graph()
    picture, features, added = (
        helper.make_tensor_value_info(name, TensorProto.UINT8, [1, "rows", "columns", channels])
        for name, channels in (("picture", INPUT_CHANNELS), ("features", FULL_CHANNELS), ("added", OUTPUT_CHANNELS))
    )

    def layer(x: str, scale: float, conv: RoundedConv, activation: Activation) -> tuple[str, float]:
        return graph.activation(graph.conv(x, scale, conv, not activation.signed), activation), float(activation.scale)

    def block(x: str, scale: float, block: Block) -> tuple[str, float]:
        y, inner = layer(x, scale, block.inner, block.between)
        y, _ = layer(y, inner, block.outer, block.added)
        return graph.activation(graph.node("Add", [x, y]), block.sum), float(block.sum.scale)

    if level == "light":
        scale = 1 / INPUT_UNIT
        x = graph.dequantised(graph.node("Transpose", ["picture"], perm=CHANNELS_FIRST), scale, ZERO)
        x, scale = layer(x, scale, net.first, net.after_first)
        for part in net.light:
            x, scale = block(x, scale, part)
        x, scale = layer(x, scale, net.widen, net.after_widen)
        graph.node("Transpose", [graph.nodes[-1].input[0]], "features", perm=CHANNELS_LAST)
        inputs, outputs = [picture], [added, features]
    else:
        scale = float(net.after_widen.scale)
        x = graph.dequantised(graph.node("Transpose", ["features"], perm=CHANNELS_FIRST), scale, 0)
        for part in net.full:
            x, scale = block(x, scale, part)
        inputs, outputs = [features], [added]
    last = graph.quantised(graph.conv(x, scale, net.heads[level], False), 1 / OUTPUT_UNIT, ZERO)
    graph.node("Transpose", [last], "added", perm=CHANNELS_LAST)
    whole = helper.make_graph(graph.nodes, f"photo-{level}", inputs, outputs, graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model
