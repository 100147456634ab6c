"""The transformer of tier `lm`: causal, the same integers in the kernel and in torch, and little lost to integers."""

import numpy as np
import pytest
import torch

from rlcodec.core.integer_mlp import LOGIT_LIMIT
from rlcodec.presets.mnist.bilevel.context import SELECTED, SELECTED_ROWS
from rlcodec.presets.mnist.bilevel.torch_transformer import INPUTS, IntegerTransformer
from rlcodec.presets.mnist.bilevel.transformer import CACHE_ENTRIES, empty_cache, remember, run_token
from rlcodec.training.mnist.transformer import RasterTransformer, export_transformer

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> RasterTransformer:
    torch.manual_seed(5)
    model = RasterTransformer(width=64, layers=2, hidden=96)
    with torch.no_grad():
        for layer in model.layers:
            for parameter in layer.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        model.node.weight *= 3
    return model


def tokens(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(seed)
    inputs = (random.random((1, count, INPUTS)) < 0.3).astype(np.uint8)
    rows = random.integers(0, SELECTED_ROWS, (1, count, SELECTED))
    return torch.from_numpy(inputs), torch.from_numpy(rows), torch.from_numpy(random.integers(0, 2, (1, count)))


def by_kernel(net, inputs, rows, symbols) -> list[int]:
    cache, logits = empty_cache(net), []
    shift = int(net.shifts[2])
    for window, row, symbol in zip(inputs[0].numpy(), rows[0].numpy(), symbols[0].tolist(), strict=True):
        which = np.flatnonzero(window)
        run_token(net, cache, row, which, len(which))
        logit = int(cache.y.astype(np.int64) @ net.nodes[0].astype(np.int64) + net.node_bias[0])
        logits.append(min(max(((logit + ((1 << shift) >> 1)) >> shift) + LOGIT_LIMIT, 0), 2 * LOGIT_LIMIT - 1))
        remember(net, cache, symbol)
    return logits


@pytest.mark.parametrize("count", [1, 2, 7, 130, CACHE_ENTRIES + 60])
def test_kernel_and_torch_compute_the_same_integers(model, count):
    net = export_transformer(model)
    arguments = tokens(count)
    assert by_kernel(net, *arguments) == IntegerTransformer(net, CPU).logits(*arguments)[0].tolist()


def test_a_token_sees_neither_itself_nor_what_follows(model):
    inputs, rows, symbols = tokens(40)
    net = IntegerTransformer(export_transformer(model), CPU)
    changed = symbols.clone()
    changed[0, 20] ^= 1
    for run in (lambda s: model(inputs.float(), rows, s), lambda s: net.logits(inputs, rows, s)):
        before, after = run(symbols)[0], run(changed)[0]
        assert torch.equal(before[:21], after[:21])
        assert not torch.equal(before[21:], after[21:])


def test_integers_cost_little(model):
    inputs, rows, symbols = tokens(300, seed=2)
    net = export_transformer(model)
    with torch.no_grad():
        logits = model(inputs.float(), rows, symbols)[0].double()
    # Symbols as the model itself would draw them: then any other distribution costs more on average.
    symbols = (torch.rand(300, generator=torch.Generator().manual_seed(1)) < torch.sigmoid(logits)).long()
    chance = torch.from_numpy(net.sigmoid)[IntegerTransformer(net, CPU).logits(inputs, rows, symbols[None])[0]] / 65536
    with torch.no_grad():
        logits = model(inputs.float(), rows, symbols[None])[0].double()
    exact = torch.nn.functional.binary_cross_entropy_with_logits(logits, symbols.double(), reduction="sum")
    coded = torch.nn.functional.binary_cross_entropy(chance.double(), symbols.double(), reduction="sum")
    assert abs(coded / exact - 1) < 0.02


def test_padding_changes_nothing(model):
    inputs, rows, symbols = tokens(50)
    short = model(inputs[:, :30].float(), rows[:, :30], symbols[:, :30])
    assert torch.allclose(model(inputs.float(), rows, symbols)[:, :30], short, atol=1e-5)
