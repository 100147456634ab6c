"""The raster-encoder's training: the runtime sees the same contexts and codes as short as the trained network says."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter

from rlcodec.core.binary_latent import LATENT_GRID, latent_coder, measure_latent_slices
from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.core.integer_conv import PIXEL_MAX
from rlcodec.core.integer_mlp import LOGIT_LIMIT, ContextNet
from rlcodec.core.range_coder import COST_UNIT, COSTS, PROBABILITY_ONE, RangeCoder
from rlcodec.errors import ModelError
from rlcodec.presets.mnist.pixel_coder import (
    COLUMNS_ASIDE,
    ROWS_ABOVE,
    SUMMARIES,
    SUMMARY_ROWS,
    PixelCoder,
    code_row,
    pixel_window,
)
from rlcodec.presets.mnist.static_tables import StaticTables
from rlcodec.training.context_net import RasterNet, Tree, balanced_tree, export_net, path_bits
from rlcodec.training.latents import latent_contexts
from rlcodec.training.mnist._pixels import ROW_ON, contexts
from rlcodec.training.mnist.static_tables import latent_frequencies, pixel_tables
from rlcodec.training.quantise import PIXEL_SCALE

IMAGES, SLICES = 6, 5
ROWS, COLUMNS = 7, 7
CODE_LENGTH_TOLERANCE = 0.001
LOGIT_TOLERANCE = 0.05


def spread(network: RasterNet, seed: int) -> RasterNet:
    """Random weights under which activations and predictions vary as much as a trained network's."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            width = value.shape[-1] if value.ndim == 2 else 10
            value.copy_(torch.randn(value.shape, generator=generator) * (1.5 / width**0.5 if "first" not in name else 0.12))
    return network


@pytest.fixture(scope="module")
def pictures(digits) -> np.ndarray:
    return np.ascontiguousarray(digits[:IMAGES])


@pytest.fixture(scope="module")
def reconstructions(pictures) -> np.ndarray:
    """Blurred pictures, as the synthesis would give."""
    blurred = [np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(1.5))) for p in pictures]
    return np.stack(blurred)


@pytest.fixture(scope="module")
def tree(pictures) -> Tree:
    return balanced_tree(np.bincount(pictures.reshape(-1), minlength=256).astype(np.float64))


@pytest.fixture(scope="module")
def network() -> RasterNet:
    return spread(RasterNet(len(pixel_window()), SUMMARY_ROWS, 24, 16, 255), seed=1)


@pytest.fixture(scope="module")
def exported(network, tree) -> ContextNet:
    return export_net(network, SUMMARIES, tree, PIXEL_MAX, PIXEL_SCALE, ROW_ON / PIXEL_SCALE)


@pytest.fixture(scope="module")
def latents() -> np.ndarray:
    """Correlated bits, int8 (images, slices, rows, columns)."""
    noise = np.random.default_rng(3).normal(size=(IMAGES, SLICES, ROWS + 1, COLUMNS + 1))
    smooth = noise[..., 1:, 1:] + noise[..., :-1, 1:] + noise[..., 1:, :-1]
    return np.where(smooth > 0, 1, -1).astype(np.int8)


@pytest.fixture(scope="module")
def latent_network() -> RasterNet:
    return spread(RasterNet(SLICES * 9, SLICES * LATENT_GRID**2, 16, 12, SLICES), seed=2)


def never_trivial(reconstructions: np.ndarray) -> np.ndarray:
    """The same pictures without background, so that the network codes every pixel."""
    return np.maximum(reconstructions, 16)


def integer_logits(net: ContextNet, window: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """All nodes' logits of an exported network in units of the sigmoid table, int64 (n, nodes).

    Args:
        net: the exported network.
        window: integers (n, inputs).
        rows: integers (n, rows), 1 for a selected row.
    """

    def layer(sums: np.ndarray, shift: int) -> np.ndarray:
        assert np.abs(sums).max() < 2**31 - 2**24
        return sums + ((1 << shift) >> 1) >> shift

    wide = [array.astype(np.int64) for array in map(np.asarray, (net.first, net.rows, net.second, net.nodes))]
    hidden = layer(window.astype(np.int64) @ wide[0] + rows.astype(np.int64) @ wide[1], int(net.shifts[0]))
    hidden = np.clip(hidden, 0, ACTIVATION_MAX)
    hidden = np.clip(layer(hidden @ wide[2] + np.asarray(net.second_bias), int(net.shifts[1])), 0, ACTIVATION_MAX)
    return layer(hidden @ wide[3].T + np.asarray(net.node_bias), int(net.shifts[2]))


def decision_costs(net: ContextNet, logits: np.ndarray, ones: np.ndarray) -> np.ndarray:
    """Code length, in 1/COST_UNIT bit, of decisions under their logits."""
    probability = np.asarray(net.sigmoid)[np.clip(logits + LOGIT_LIMIT, 0, 2 * LOGIT_LIMIT - 1)]
    return COSTS[np.where(ones, probability, PROBABILITY_ONE - probability)]


def tables_of(pictures: np.ndarray, reconstructions: np.ndarray, budgets: np.ndarray, tree: Tree) -> StaticTables:
    arrays = pixel_tables(pictures, reconstructions, budgets, tree)
    latent = np.full((SLICES, LATENT_GRID, LATENT_GRID), PROBABILITY_ONE // 2, np.int32)
    return StaticTables(arrays["tables.pixel"], arrays["tables.trivial"], arrays["tables.escape"], latent)


def coded_cost(net: ContextNet, tables: StaticTables, picture: np.ndarray, reconstruction: np.ndarray, budget: int) -> int:
    """Code length of all rows of a picture in the runtime, in 1/COST_UNIT bit."""
    coder, pixels = RangeCoder(), PixelCoder(net, tables, reconstruction)
    for y in range(len(picture)):
        assert code_row(coder, pixels, picture.copy(), y, budget, True) == picture.shape[1]
    return coder.cost


def expected_window(picture: np.ndarray, reconstruction: np.ndarray, y: int, x: int) -> list[int]:
    """The window of a pixel as `pixel_window` describes it, one pixel at a time."""
    value = np.pad(picture.astype(int), (ROWS_ABOVE, ROWS_ABOVE))
    planes = (
        value,
        255 * (value > 0),
        255 * (value >= 250),
        np.pad(np.where(reconstruction < 8, 0, reconstruction).astype(int), ROWS_ABOVE),
    )
    return [planes[plane][y + ROWS_ABOVE + dy, x + COLUMNS_ASIDE + dx] for plane, dy, dx in pixel_window()]


def test_the_window_is_causal():
    assert all(plane == 3 or (dy, dx) < (0, 0) for plane, dy, dx in pixel_window())


def test_contexts_hold_the_window_of_every_pixel_that_is_not_trivial(pictures, reconstructions):
    inputs, symbols = contexts(pictures, reconstructions, np.full(IMAGES, 2))
    expected, values = [], []
    for picture, reconstruction in zip(pictures, reconstructions, strict=True):
        for y, x in np.ndindex(picture.shape):
            window = expected_window(picture, reconstruction, y, x)
            if any(window):
                expected.append(window)
                values.append(picture[y, x])
    assert 0 < len(expected) < pictures.size
    assert (inputs[:, : len(pixel_window())] == expected).all()
    assert (symbols == values).all()
    assert ((inputs[:, len(pixel_window()) :] == ROW_ON).sum(1) == SUMMARIES).all()


def test_a_context_never_depends_on_what_follows(pictures, reconstructions):
    changed = pictures.copy()
    changed[:, 15:] = 255 - changed[:, 15:]
    full = never_trivial(reconstructions)
    before, _ = contexts(pictures, full, np.full(IMAGES, 2))
    after, _ = contexts(changed, full, np.full(IMAGES, 2))
    before, after = (contexts.reshape(IMAGES, 28, 28, -1) for contexts in (before, after))
    assert (before[:, :15] == after[:, :15]).all()
    assert (before[:, 15, 0] == after[:, 15, 0]).all()
    assert (before[:, 16:] != after[:, 16:]).any()


def test_integer_logits_are_those_of_the_float_network(network, exported, pictures, reconstructions):
    inputs, _ = contexts(pictures, reconstructions, np.full(IMAGES, 3))
    window, rows = inputs[:, : network.window], inputs[:, network.window :] // ROW_ON
    logits = integer_logits(exported, window, rows) / 128
    with torch.no_grad():
        expected = network.nodes(network.hidden(torch.from_numpy(inputs).float() / PIXEL_SCALE)).numpy()
    inside = np.abs(expected) < LOGIT_LIMIT / 128
    assert expected.std() > 0.5
    assert np.abs(logits - expected)[inside].max() < LOGIT_TOLERANCE


def test_the_runtime_codes_the_contexts_that_training_sees(network, exported, tree, pictures, reconstructions):
    budgets = np.array([1, 2, 3, 4, 5, 5])
    full = never_trivial(reconstructions)
    tables = tables_of(pictures, full, budgets, tree)
    nodes, signs = tree.paths
    for i in range(IMAGES):
        inputs, symbols = contexts(pictures[i : i + 1], full[i : i + 1], budgets[i : i + 1])
        logits = integer_logits(exported, inputs[:, : network.window], inputs[:, network.window :] // ROW_ON)
        sign = signs[symbols]
        costs = decision_costs(exported, np.take_along_axis(logits, nodes[symbols], 1), sign > 0)
        assert coded_cost(exported, tables, pictures[i], full[i], int(budgets[i])) == costs[sign != 0].sum()


def test_the_runtimes_code_length_is_the_float_networks(network, exported, tree, pictures, reconstructions):
    budgets = np.full(IMAGES, 3)
    full = never_trivial(reconstructions)
    tables = tables_of(pictures, full, budgets, tree)
    inputs, symbols = contexts(pictures, full, budgets)
    nodes, signs = tree.paths
    with torch.no_grad():
        logits = network.nodes(network.hidden(torch.from_numpy(inputs).float() / PIXEL_SCALE)).double()
    path = logits.gather(1, torch.from_numpy(nodes[symbols]))
    sign = torch.from_numpy(signs[symbols])
    expected = float((F.softplus(-sign * path) * sign.abs()).sum()) / np.log(2)
    bits = sum(coded_cost(exported, tables, p, r, 3) for p, r in zip(pictures, full, strict=True)) / COST_UNIT
    assert bits == pytest.approx(expected, rel=CODE_LENGTH_TOLERANCE)
    # The training loss, in half precision, is the same number.
    lower = torch.from_numpy(inputs).to(torch.bfloat16) / PIXEL_SCALE
    assert path_bits(network, lower, symbols, tree).item() == pytest.approx(expected, rel=0.02)


def test_trivial_pixels_cost_what_their_table_says(exported, tree, pictures):
    nothing, budgets = np.zeros_like(pictures), np.zeros(IMAGES, np.int64)
    tables = tables_of(pictures, nothing, budgets, tree)
    blank = np.zeros((28, 28), np.uint8)
    cost = COSTS[PROBABILITY_ONE - tables.trivial[0]].sum()
    assert coded_cost(exported, tables, blank, blank, 0) == cost


def test_the_runtime_codes_the_latent_contexts_that_training_sees(latent_network, latents):
    net = export_net(latent_network, 1)
    frequencies = latent_frequencies(latents)
    rows_of_table = np.eye(SLICES * LATENT_GRID**2, dtype=np.int64)
    float_bits, integer_bits = 0.0, 0
    for latent in latents:
        costs = np.zeros((2, SLICES), np.int64)
        measure_latent_slices(latent_coder(net, frequencies, latent.shape), latent.copy(), True, *costs)
        for index in range(SLICES):
            window, rows = latent_contexts(latent[None], index)
            ones = latent[index].reshape(-1) > 0
            logits = integer_logits(net, window, rows_of_table[rows])[:, index]
            assert costs[0, index] == decision_costs(net, logits, ones).sum()

            inputs = torch.from_numpy(np.concatenate([window, rows_of_table[rows]], 1)).float()
            with torch.no_grad():
                expected = latent_network.nodes(latent_network.hidden(inputs))[:, index].double()
            assert np.abs(expected.numpy() - logits / 128).max() < LOGIT_TOLERANCE
            float_bits += float(F.softplus(torch.from_numpy(np.where(ones, -1, 1)) * expected).sum()) / np.log(2)
        integer_bits += int(costs[0].sum())
    assert integer_bits / COST_UNIT == pytest.approx(float_bits, rel=CODE_LENGTH_TOLERANCE)


def test_latent_contexts_are_causal(latents):
    changed = latents.copy()
    changed[:, 2, 3, 4:] *= -1
    changed[:, 2, 4:] *= -1
    changed[:, 3:] *= -1
    before, _ = latent_contexts(latents, 2)
    after, _ = latent_contexts(changed, 2)
    before, after = (contexts.reshape(IMAGES, ROWS * COLUMNS, -1) for contexts in (before, after))
    coded_before_the_change = 3 * COLUMNS + 4
    assert (before[:, : coded_before_the_change + 1] == after[:, : coded_before_the_change + 1]).all()
    assert (before != after).any()


@pytest.mark.parametrize("symbols", [2, 3, 256])
def test_a_tree_leads_to_every_symbol_by_its_own_path(symbols):
    frequency = np.random.default_rng(symbols).pareto(0.5, symbols)
    tree = balanced_tree(frequency)
    nodes, signs = tree.paths
    assert tree.threshold[0] == 0
    for symbol in range(symbols):
        node = 0
        for k in range(nodes.shape[1]):
            if signs[symbol, k] == 0:
                break
            assert nodes[symbol, k] == node
            node = int(tree.children[node, int(signs[symbol, k] > 0)])
        assert node == -1 - symbol


def test_a_balanced_tree_asks_little_more_than_the_entropy(pictures):
    frequency = np.bincount(pictures.reshape(-1), minlength=256) + 1.0
    _, signs = balanced_tree(frequency).paths
    share = frequency / frequency.sum()
    decisions = (share * (signs != 0).sum(1)).sum()
    assert decisions < -(share * np.log2(share)).sum() + 2


def test_weights_that_could_overflow_are_not_exported(tree):
    network = spread(RasterNet(len(pixel_window()), SUMMARY_ROWS, 4, 4, 255), seed=0)
    with torch.no_grad():
        network.first.weight *= 1e6
    with pytest.raises(ModelError, match="too large"):
        export_net(network, SUMMARIES, tree, PIXEL_MAX, PIXEL_SCALE, ROW_ON / PIXEL_SCALE)
