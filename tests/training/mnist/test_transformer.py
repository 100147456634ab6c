"""The transformer of tier `lm`: causal, the same integers in the kernel and in torch, and little lost to integers."""

import numpy as np
import pytest
import torch

from rlcodec.errors import ModelError
from rlcodec.presets.mnist.bilevel.context import SELECTED, SELECTED_ROWS
from rlcodec.presets.mnist.bilevel.torch_transformer import IntegerTransformer
from rlcodec.presets.mnist.bilevel.transformer import (
    CACHE_ENTRIES,
    LM_INPUTS,
    KvCache,
    LmNet,
    asking_cache,
    lm_net,
    token_logits,
)
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
    inputs = (random.random((1, count, LM_INPUTS)) < 0.3).astype(np.uint8)
    rows = random.integers(0, SELECTED_ROWS, (1, count, SELECTED))
    return torch.from_numpy(inputs), torch.from_numpy(rows), torch.from_numpy(random.integers(0, 2, (1, count)))


def by_kernel(net, inputs, rows, symbols) -> list[int]:
    return token_logits(net, KvCache(net), inputs[0].numpy(), rows[0].numpy(), symbols[0].numpy()).tolist()


@pytest.mark.parametrize("count", [1, 2, 7, 130, CACHE_ENTRIES + 60])
def test_kernel_and_torch_compute_the_same_integers(model, count):
    net = export_transformer(model)
    arguments = tokens(count)
    assert by_kernel(net, *arguments) == IntegerTransformer(net, CPU).logits(*arguments)[0].tolist()


@pytest.mark.parametrize(("reach", "columns"), [(20, 64), (400, 64), (400, 1)])
def test_they_do_so_where_everything_is_clipped(model, reach, columns):
    stored = {name: np.array(getattr(export_transformer(model), name)) for name in LmNet.stored}
    for name in ("qkv", "out", "up", "down"):
        stored[name] = np.clip(stored[name].astype(np.int64) * 3, -9000, 9000).astype(np.int16)
    for name in ("first", "rows"):
        stored[name] = np.clip(stored[name].astype(np.int64) * reach, -30000, 30000).astype(stored[name].dtype)
        stored[name][:, columns:] = 0
    stored["embed_shift"] = np.zeros(1, np.int64)
    net, arguments = lm_net(**stored), tokens(150)
    assert by_kernel(net, *arguments) == IntegerTransformer(net, CPU).logits(*arguments)[0].tolist()


def test_tokens_run_one_by_one_or_together(model):
    net = export_transformer(model)
    inputs, rows, symbols = (part[0].numpy() for part in tokens(30))
    cache, together = KvCache(net), token_logits(net, KvCache(net), inputs, rows, symbols)
    apart = [token_logits(net, cache, inputs[i : i + 1], rows[i : i + 1], symbols[i : i + 1])[0] for i in range(30)]
    assert apart == together.tolist()
    assert cache.tokens == 30


def test_arrays_that_do_not_fit_are_refused(model):
    net = export_transformer(model)
    stored = {name: np.array(getattr(net, name)) for name in LmNet.stored}
    for name in ("first", "rows", "qkv", "sink", "down_bias", "exponential", "nodes"):
        with pytest.raises(ModelError):
            lm_net(**stored | {name: stored[name][..., :-1]})
    with pytest.raises(ModelError, match="shifts"):
        lm_net(**stored | {"layer_shifts": stored["layer_shifts"] + 30})
    inputs, rows, symbols = (part[0].numpy() for part in tokens(3))
    for wrong in ((inputs[:, 1:], rows, symbols), (inputs, rows[:2], symbols), (inputs, rows - 4000, symbols)):
        with pytest.raises(ValueError, match="fit"):
            token_logits(net, KvCache(net), *map(np.ascontiguousarray, wrong))
    with pytest.raises(ValueError, match="cache"):
        token_logits(net, KvCache(export_transformer(RasterTransformer(32, 1, 32))), inputs, rows, symbols)
    with pytest.raises(ValueError, match="elsewhere"):
        token_logits(net, asking_cache(), inputs, rows, symbols)


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
    index = IntegerTransformer(net, CPU).logits(inputs, rows, symbols[None])[0]
    chance = torch.from_numpy(np.array(net.sigmoid))[index] / 65536
    with torch.no_grad():
        logits = model(inputs.float(), rows, symbols[None])[0].double()
    exact = torch.nn.functional.binary_cross_entropy_with_logits(logits, symbols.double(), reduction="sum")
    coded = torch.nn.functional.binary_cross_entropy(chance.double(), symbols.double(), reduction="sum")
    assert abs(coded / exact - 1) < 0.02


def test_padding_changes_nothing(model):
    inputs, rows, symbols = tokens(50)
    short = model(inputs[:, :30].float(), rows[:, :30], symbols[:, :30])
    assert torch.allclose(model(inputs.float(), rows, symbols)[:, :30], short, atol=1e-5)
