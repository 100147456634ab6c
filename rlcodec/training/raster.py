"""Training of the raster-encoder's networks in torch: contexts from the runtime's kernels, maximum likelihood, export."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from torch import Tensor, nn

from rlcodec.core.binary_latent import ALL_AROUND, LATENT_GRID, Neighbours
from rlcodec.core.integer_mlp import LOGIT_UNITS_PER_NAT, ContextNet, context_net, sigmoid_table
from rlcodec.core.kernel import kernel
from rlcodec.presets.mnist.pixel_coder import (
    COLUMNS_ASIDE,
    GRID,
    ROWS_ABOVE,
    SUMMARIES,
    SUMMARY_ROWS,
    TABLE_CONTEXTS,
    TRIVIAL_STATES,
    is_trivial,
    pixel_buffer,
    pixel_offsets,
    pixel_totals,
    pixel_window,
    record_pixel,
    runs_in_row,
    summarise,
    table_context,
    trivial_state,
)
from rlcodec.training.autoencoder import clipped_relu
from rlcodec.training.loop import Schedule, fit
from rlcodec.training.quantise import to_int16, to_int32, weight_scale_bits

ACTIVATION_SCALE = 128.0
PIXEL_SCALE = 256.0
ROW_ON = 64
"""Value of a selected row among the uint8 inputs; export scales the weights accordingly."""
NO_BUDGET_SHARE = 0.5
"""Share of training images that are coded without a reconstruction, as in lossless coding."""


@dataclass(frozen=True)
class Tree:
    """An order-preserving tree of decisions over symbols 0..n-1.

    Attributes:
        threshold: int16 (nodes,); a symbol above it goes to the second child.
        children: int16 (nodes, 2), the next node, or -1 - symbol for a leaf.
    """

    threshold: np.ndarray
    children: np.ndarray

    def paths(self, symbols: int) -> tuple[np.ndarray, np.ndarray]:
        """Nodes, int64, and decisions, float32 (+1, -1; 0 for padding), from the root to each symbol: (symbols, depth)."""
        found: list[list[tuple[int, int]]] = []
        for symbol in range(symbols):
            node, path = 0, []
            while node >= 0:
                bit = int(symbol > self.threshold[node])
                path.append((node, 2 * bit - 1))
                node = int(self.children[node, bit])
            found.append(path)
        depth = max(map(len, found))
        nodes, signs = np.zeros((symbols, depth), np.int64), np.zeros((symbols, depth), np.float32)
        for symbol, path in enumerate(found):
            nodes[symbol, : len(path)], signs[symbol, : len(path)] = zip(*path, strict=True)
        return nodes, signs


def balanced_tree(frequency: np.ndarray) -> Tree:
    """A tree whose nodes split the remaining symbols into two parts of nearly equal frequency; node 0 separates symbol 0."""
    weight = np.concatenate(([0.0], np.cumsum(frequency + 1.0)))
    threshold = np.zeros(len(frequency) - 1, np.int16)
    children = np.zeros((len(frequency) - 1, 2), np.int16)
    count = 0

    def build(first: int, last: int, split: int | None) -> int:
        nonlocal count
        if first == last:
            return -1 - first
        node, count = count, count + 1
        if split is None:
            middle = (weight[first] + weight[last + 1]) / 2
            split = first + int(np.argmin(np.abs(weight[first + 1 : last + 1] - middle)))
        threshold[node] = split
        children[node] = build(first, split, None), build(split + 1, last, None)
        return node

    build(0, len(frequency) - 1, 0)
    return Tree(threshold, children)


class RasterNet(nn.Module):
    """Two clipped hidden layers, and one logit for each node of the tree.

    Inputs are the window, followed by an indicator for each learned row: (n, window + rows). A matrix product with indicators
    is several times faster than an embedding bag, whose gradient has to be sorted.
    """

    def __init__(self, window: int, rows: int, width1: int, width2: int, nodes: int):
        super().__init__()
        self.window = window
        self.first = nn.Linear(window + rows, width1, bias=False)
        nn.init.normal_(self.first.weight[:, window:], std=0.05)
        self.second = nn.Linear(width1, width2)
        self.nodes = nn.Linear(width2, nodes)

    def hidden(self, inputs: Tensor) -> Tensor:
        """Activations of the second hidden layer, (n, width2)."""
        return clipped_relu(self.second(clipped_relu(self.first(inputs))))


@njit(cache=True, nogil=True, fastmath=True)
def _path_loss(hidden, weight, bias, nodes, signs, symbols, d_hidden, d_weight, d_bias):
    """Code length of the symbols in nats, with its gradients."""
    total = 0.0
    width = hidden.shape[1]
    for i in range(hidden.shape[0]):
        symbol = symbols[i]
        for k in range(nodes.shape[1]):
            sign = signs[symbol, k]
            if sign == 0:
                break
            node = nodes[symbol, k]
            logit = bias[node]
            for j in range(width):
                logit += hidden[i, j] * weight[node, j]
            margin = sign * logit
            decay = np.exp(-abs(margin))
            total += np.log1p(decay) + max(-margin, np.float32(0))
            gradient = -sign * (decay if margin > 0 else np.float32(1)) / (1 + decay)
            d_bias[node] += gradient
            for j in range(width):
                d_hidden[i, j] += gradient * weight[node, j]
                d_weight[node, j] += gradient * hidden[i, j]
    return total


class _PathLoss(torch.autograd.Function):
    """`_path_loss` as a torch function; on a CPU much faster than computing the logits of all nodes."""

    @staticmethod
    def forward(ctx, hidden: Tensor, weight: Tensor, bias: Tensor, nodes: np.ndarray, signs: np.ndarray, symbols: np.ndarray):
        arrays = [t.detach().float().contiguous().numpy() for t in (hidden, weight, bias)]
        gradients = [np.zeros_like(a) for a in arrays]
        total = _path_loss(*arrays, nodes, signs, symbols, *gradients)  # type: ignore[call-arg]
        ctx.save_for_backward(
            *(torch.from_numpy(g).to(t.dtype) for g, t in zip(gradients, (hidden, weight, bias), strict=True))
        )
        return torch.tensor(total)

    @staticmethod
    def backward(ctx, upstream: Tensor):
        return *(g * upstream for g in ctx.saved_tensors), None, None, None


def path_bits(model: RasterNet, inputs: Tensor, symbols: np.ndarray, nodes: np.ndarray, signs: np.ndarray) -> Tensor:
    """Code length of all symbols under the model, in bits."""
    with torch.autocast(inputs.device.type, torch.bfloat16):
        hidden = model.hidden(inputs)
    if inputs.device.type == "cpu":
        return _PathLoss.apply(hidden, model.nodes.weight, model.nodes.bias, nodes, signs, symbols) / np.log(2)
    with torch.autocast(inputs.device.type, torch.bfloat16):
        logits = model.nodes(hidden)
    index = torch.from_numpy(symbols).to(inputs.device)
    sign = torch.from_numpy(signs).to(inputs.device)[index]
    path = logits.gather(1, torch.from_numpy(nodes).to(inputs.device)[index]).float()
    return (F.softplus(-sign * path) * sign.abs()).sum() / np.log(2)


@kernel
def _pixel_contexts(images, budgets, buffers, totals, offsets, inputs, selected, symbols):
    """Writes the contexts of all non-trivial pixels, as the coder forms them, and returns their number."""
    count = 0
    height, width = images.shape[1], images.shape[2]
    for n in range(images.shape[0]):
        buffer, total = buffers[n], totals[n]
        flat = buffer.reshape(-1)
        for y in range(height):
            runs_above, runs_here, before = runs_in_row(buffer, y - 1, width) if y else 0, 0, 0
            for x in range(width):
                base = (y + ROWS_ABOVE) * (width + 2 * COLUMNS_ASIDE) + COLUMNS_ASIDE + x
                value = images[n, y, x]
                if not is_trivial(flat, base, offsets):
                    summarise(buffer, total, y, x, height, width, budgets[n], runs_above, runs_here, selected)
                    for i in range(offsets.shape[0]):
                        inputs[count, i] = flat[base + offsets[i]]
                    inputs[count, offsets.shape[0] :] = 0
                    for i in range(selected.shape[0]):
                        inputs[count, offsets.shape[0] + selected[i]] = ROW_ON
                    symbols[count] = value
                    count += 1
                record_pixel(buffer, total, y, x, height, width, np.int64(value))
                if value and not before:
                    runs_here += 1
                before = value
    return count


def pixel_contexts(images: np.ndarray, reconstructions: np.ndarray, budgets: np.ndarray):
    """Contexts of the non-trivial pixels of a batch.

    Args:
        images: uint8 (n, h, w).
        reconstructions: uint8 (n, h, w); zeros where the budget is 0.
        budgets: int64 (n,), index of the bit budget.

    Returns:
        Inputs, uint8 (m, window + SUMMARY_ROWS), with ROW_ON for selected rows, and symbols, int64 (m,).
    """
    n, height, width = images.shape
    offsets = pixel_offsets(height, width)
    buffers = np.stack([pixel_buffer(r) for r in reconstructions])
    totals = np.stack([pixel_totals(width)] * n)
    most = n * height * width
    inputs = np.empty((most, len(offsets) + SUMMARY_ROWS), np.uint8)
    selected = np.empty(SUMMARIES, np.int64)
    symbols = np.empty(most, np.int64)
    m = _pixel_contexts(images, budgets, buffers, totals, offsets, inputs, selected, symbols)
    return inputs[:m], symbols[:m]


@kernel
def _count_static(images, budgets, buffers, totals, offsets, table_counts, trivial_counts, escapes):
    height, width = images.shape[1], images.shape[2]
    for n in range(images.shape[0]):
        buffer, total = buffers[n], totals[n]
        flat = buffer.reshape(-1)
        for y in range(height):
            for x in range(width):
                base = (y + ROWS_ABOVE) * (width + 2 * COLUMNS_ASIDE) + COLUMNS_ASIDE + x
                value = images[n, y, x]
                table_counts[table_context(buffer, y, x, budgets[n]), value] += 1
                if is_trivial(flat, base, offsets):
                    state = trivial_state(total, budgets[n])
                    trivial_counts[state, min(y, GRID - 1), min(x, GRID - 1), 1 if value else 0] += 1
                    if value:
                        escapes[value] += 1
                record_pixel(buffer, total, y, x, height, width, np.int64(value))


def probability(ones: np.ndarray, zeros: np.ndarray, prior: float = 0.4) -> np.ndarray:
    """Smoothed frequency of ones in units of 1/65536, int32; nearly the estimator of Krichevsky and Trofimov."""
    return np.clip(np.rint(65536 * (ones + prior) / (ones + zeros + 2 * prior)), 1, 65535).astype(np.int32)


def _tree_probabilities(tree: Tree, counts: np.ndarray) -> np.ndarray:
    """Probability of the second child at every node, int32 (..., nodes), from histograms of symbols (..., 256)."""
    nodes, signs = tree.paths(counts.shape[-1])
    ones = np.zeros((*counts.shape[:-1], len(tree.threshold)))
    zeros = np.zeros_like(ones)
    for symbol in range(counts.shape[-1]):
        for node, sign in zip(nodes[symbol], signs[symbol], strict=True):
            if sign > 0:
                ones[..., node] += counts[..., symbol]
            elif sign < 0:
                zeros[..., node] += counts[..., symbol]
    return probability(ones, zeros)


@dataclass(frozen=True)
class StaticCounts:
    """Counts from which the static tables are made; see `rlcodec.presets.mnist.static_tables.StaticTables`."""

    pixel: np.ndarray
    trivial: np.ndarray
    escape: np.ndarray

    def tables(self, tree: Tree) -> dict[str, np.ndarray]:
        escape = self.escape.astype(np.float64).copy()
        escape[0] = 0
        return {
            "tables.pixel": _tree_probabilities(tree, self.pixel),
            "tables.trivial": probability(self.trivial[..., 1], self.trivial[..., 0], 0.05),
            "tables.escape": _tree_probabilities(tree, escape),
        }


def count_static(images: np.ndarray, reconstructions: np.ndarray, budgets: np.ndarray, chunk: int = 2000) -> StaticCounts:
    """Counts symbols by static context over a training set; arguments as `pixel_contexts`."""
    counts = StaticCounts(
        np.zeros((TABLE_CONTEXTS, 256), np.int64),
        np.zeros((TRIVIAL_STATES, GRID, GRID, 2), np.int64),
        np.zeros(256, np.int64),
    )
    _, height, width = images.shape
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        buffers = np.stack([pixel_buffer(r) for r in reconstructions[part]])
        totals = np.stack([pixel_totals(width)] * len(buffers))
        offsets = pixel_offsets(height, width)
        _count_static(images[part], budgets[part], buffers, totals, offsets, counts.pixel, counts.trivial, counts.escape)
    return counts


def draw_budgets(rng: np.random.Generator, n: int, slices: int) -> np.ndarray:
    """Random budget indices: 0 for `NO_BUDGET_SHARE` of the images, uniform for the others."""
    return np.where(rng.random(n) < NO_BUDGET_SHARE, 0, rng.integers(1, slices + 1, n))


def train_pixels(
    train: np.ndarray,
    validation: np.ndarray,
    reconstructions,
    slices: int,
    tree: Tree,
    schedule: Schedule,
    folder: Path,
    resume: bool,
    device: torch.device,
    widths: tuple[int, int] = (128, 96),
) -> RasterNet:
    """Trains the context network of pixels. The loss is the code length in bits per pixel.

    Args:
        train: uint8 (n, h, w).
        validation: uint8 (m, h, w).
        reconstructions: computes reconstructions, uint8 (k, h, w), from a split, image indices and budget indices; zeros for
            budget 0.
        slices: number of latent slices; budget indices run from 0 to this.
        tree: of the pixel values.
        schedule: length, batch, learning rate and seed.
        folder: receives the checkpoint and TensorBoard's events.
        resume: continue from the folder's checkpoint if there is one.
        device: where to train.
        widths: of the hidden layers.
    """
    torch.manual_seed(schedule.seed)
    model = RasterNet(len(pixel_window()), SUMMARY_ROWS, *widths, len(tree.threshold)).to(device)
    nodes, signs = tree.paths(256)
    pixels = train.shape[1] * train.shape[2]

    def bits(model: nn.Module, images: np.ndarray, recon: np.ndarray, budgets: np.ndarray) -> Tensor:
        contexts, symbols = pixel_contexts(images, recon, budgets)
        inputs = torch.from_numpy(contexts).to(device).to(torch.bfloat16) / PIXEL_SCALE
        return path_bits(model, inputs, symbols, nodes, signs) / (len(images) * pixels)

    def loss_of(model: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        index = rng.integers(0, len(train), batch)
        budgets = draw_budgets(rng, batch, slices)
        return bits(model, train[index], reconstructions("train", index, budgets), budgets)

    @torch.no_grad()
    def evaluate(model: nn.Module) -> dict[str, float]:
        figures = {}
        index = np.arange(min(500, len(validation)))
        for budget in (0, slices // 4, slices):
            budgets = np.full(len(index), budget)
            recon = reconstructions("validation", index, budgets)
            figures[f"bits_per_pixel_{budget}_slices"] = float(bits(model, validation[index], recon, budgets))
        return figures

    return fit(model, loss_of, evaluate, schedule, folder, resume, "raster-encoder, pixels")


def train_latents(
    train: np.ndarray,
    validation: np.ndarray,
    schedule: Schedule,
    folder: Path,
    resume: bool,
    device: torch.device,
    widths: tuple[int, int] = (48, 32),
    around: Neighbours = ALL_AROUND,
    grid: int = LATENT_GRID,
) -> RasterNet:
    """Trains the context network of latents. The loss is the code length in bits per slice.

    Args:
        train: int8 (n, slices, rows, columns), -1 or +1.
        validation: held-out latents.
        schedule: length, batch, learning rate and seed.
        folder: receives the checkpoint and TensorBoard's events.
        resume: continue from the folder's checkpoint if there is one.
        device: where to train.
        widths: of the hidden layers.
        around: as `latent_contexts`.
        grid: as `latent_contexts`.
    """
    torch.manual_seed(schedule.seed)
    slices = train.shape[1]
    model = RasterNet(slices * len(around), slices * grid**2, *widths, slices).to(device)

    def bits_of_slice(model: nn.Module, latent: np.ndarray, index: int) -> Tensor:
        n = len(latent)
        window, rows = (torch.from_numpy(a).to(device) for a in latent_contexts(latent, index, around, grid))
        weight = model.first.weight
        with torch.autocast(device.type, torch.bfloat16):
            first = F.linear(window.to(torch.bfloat16), weight[:, : model.window]).view(n, len(rows), -1)
            first = first + weight[:, model.window + rows].T.to(torch.bfloat16)
            logits = model.nodes(clipped_relu(model.second(clipped_relu(first))))[..., index].float()
        sign = torch.from_numpy(latent[:, index].reshape(n, -1).astype(np.float32)).to(device)
        return F.softplus(-sign * logits).sum() / np.log(2) / n

    def loss_of(model: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        drawn = rng.choice(slices, 4, replace=False)
        return sum(bits_of_slice(model, train[rng.integers(0, len(train), batch)], int(i)) for i in drawn) / 4

    @torch.no_grad()
    def evaluate(model: nn.Module) -> dict[str, float]:
        each = [float(bits_of_slice(model, validation[:500], i)) for i in range(slices)]
        return {"bits_all_slices": sum(each), "bits_first_slice": each[0], "bits_last_slice": each[-1]}

    return fit(model, loss_of, evaluate, schedule, folder, resume, "raster-encoder, latents")


def latent_contexts(
    latent: np.ndarray, index: int, around: Neighbours = ALL_AROUND, grid: int = LATENT_GRID
) -> tuple[np.ndarray, np.ndarray]:
    """Contexts of slice `index` for latents (n, slices, rows, columns).

    Args:
        latent: int8, -1 or +1.
        index: of the slice.
        around: positions, (down, across), whose bits in all slices are inputs.
        grid: positions along a side that have learned rows of their own.

    Returns:
        Windows, int8 (n * rows * columns, slices * len(around)), and the learned row of each position, int64 (rows * columns,).
    """
    n, slices, rows, columns = latent.shape
    padded = np.zeros((n, slices, rows + 2, columns + 2), np.int8)
    padded[:, : index + 1, 1:-1, 1:-1] = latent[:, : index + 1]
    window = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3)).copy()
    window[:, index, :, :, 1, 1:] = 0
    window[:, index, :, :, 2, :] = 0
    chosen = window[..., [1 + down for down, _ in around], [1 + across for _, across in around]]
    inputs = chosen.transpose(0, 2, 3, 1, 4).reshape(n * rows * columns, slices * len(around))
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    row = (index * grid + np.minimum(y, grid - 1)) * grid + np.minimum(x, grid - 1)
    return np.ascontiguousarray(inputs), row.reshape(-1)


def static_latents(latent: np.ndarray) -> np.ndarray:
    """Frequency of +1 at each slice and position in units of 1/65536, int32 (slices, LATENT_GRID, LATENT_GRID)."""
    slices, rows, columns = latent.shape[1:]
    table = np.full((slices, LATENT_GRID, LATENT_GRID), 32768, np.int32)
    ones = (latent > 0).sum(0)
    table[:, :rows, :columns] = probability(ones, len(latent) - ones)[:, :LATENT_GRID, :LATENT_GRID]
    return table


def export_net(
    model: RasterNet, tree: Tree | None, input_max: float, input_scale: float, row_on: float, tables: int
) -> ContextNet:
    """Exports the integer network that the runtime runs.

    Args:
        model: the trained network.
        tree: of its nodes; if None, every node is a tree of its own that codes one bit.
        input_max: largest absolute value of an integer input.
        input_scale: integer value of the float input 1.0.
        row_on: float input of a selected row.
        tables: number of rows that are added in the first layer.

    Raises:
        ModelError: a sum could overflow int32.
    """
    weights = {name: value.detach().double().cpu().numpy() for name, value in model.state_dict().items()}
    first, rows = weights["first.weight"][:, : model.window], weights["first.weight"][:, model.window :].T * row_on
    bits1 = weight_scale_bits(first, rows, input_max, input_scale, tables)
    bits2 = weight_scale_bits(weights["second.weight"], weights["second.bias"][None], 1023, ACTIVATION_SCALE)
    bits3 = weight_scale_bits(weights["nodes.weight"], weights["nodes.bias"][None], 1023, ACTIVATION_SCALE)
    nodes = len(weights["nodes.bias"])
    if tree is None:
        tree = Tree(np.zeros(nodes, np.int16), np.tile(np.array([-1, -2], np.int16), (nodes, 1)))
    shift1 = bits1 + int(np.log2(input_scale)) - int(np.log2(ACTIVATION_SCALE))
    shift3 = bits3 + int(np.log2(ACTIVATION_SCALE)) - int(np.log2(LOGIT_UNITS_PER_NAT))
    return context_net(
        first=to_int16(first.T, bits1),
        rows=to_int32(rows, bits1, input_scale),
        second=to_int16(weights["second.weight"].T, bits2),
        second_bias=to_int32(weights["second.bias"], bits2, ACTIVATION_SCALE),
        nodes=to_int16(weights["nodes.weight"], bits3),
        node_bias=to_int32(weights["nodes.bias"], bits3, ACTIVATION_SCALE),
        shifts=np.array([shift1, bits2, shift3], np.int64),
        threshold=tree.threshold,
        children=tree.children,
        sigmoid=sigmoid_table(),
    )
