"""Code length of the integer networks against that of the float networks that they were exported from, on test digits."""

from pathlib import Path

import numpy as np
import torch
from common import arguments, print_result, test_images

from rlcodec.core.int16_products import ACTIVATION_MAX
from rlcodec.core.integer_mlp import LOGIT_LIMIT, ContextNet
from rlcodec.errors import DataError
from rlcodec.presets.mnist.bilevel.coder import COLUMNS_ASIDE, ROWS_ABOVE, source_of
from rlcodec.presets.mnist.bilevel.context import SELECTED_ROWS, window_size
from rlcodec.presets.mnist.bilevel.geometry import BilevelSource
from rlcodec.presets.mnist.bilevel.tokens import Contexts, source_contexts
from rlcodec.presets.mnist.bilevel.torch_transformer import IntegerTransformer, padded
from rlcodec.presets.mnist.bilevel.transformer import LM_COLUMNS_ASIDE, LM_ROWS_ABOVE
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.training.context_net import RasterNet
from rlcodec.training.loop import CHECKPOINT
from rlcodec.training.mnist.sources import WIDTHS, one_hot
from rlcodec.training.mnist.transformer import RasterTransformer

CHUNK = 20


def load(module: torch.nn.Module, folder: Path) -> torch.nn.Module:
    """The averaged weights of a checkpoint."""
    try:
        module.load_state_dict(torch.load(folder / CHECKPOINT, weights_only=True)["average"])
    except (OSError, KeyError, RuntimeError) as error:
        raise DataError(f"{folder}: no checkpoint of this network; run `rlcodec pretrain raster` first") from error
    return module


def float_bits(logits: np.ndarray, symbols: np.ndarray) -> float:
    """Code length of symbols in bits, under logits in nats."""
    return float(np.logaddexp(0, np.where(symbols > 0, -logits, logits)).sum() / np.log(2))


def table_bits(index: np.ndarray, sigmoid: np.ndarray, symbols: np.ndarray) -> float:
    """Code length of symbols in bits, under indices into the table of the sigmoid."""
    chance = np.asarray(sigmoid)[index] / 65536
    return float(-np.log2(np.where(symbols > 0, chance, 1 - chance)).sum())


def context_logits(net: ContextNet, contexts: list[Contexts]) -> np.ndarray:
    """Outputs of the integer network for the pixels of sources: indices into the table of the sigmoid, int64 (m,)."""

    def shifted(sums: np.ndarray, shift: int) -> np.ndarray:
        return (sums.astype(np.int64) + ((1 << shift) >> 1)) >> shift

    # Sums are below 2**31 and therefore exact in float64, in which numpy multiplies matrices much faster than in integers.
    first, second, node = (np.asarray(array, np.float64) for array in (net.first, net.second, net.nodes[0]))
    inputs, rows = (np.concatenate([getattr(c, name) for c in contexts]) for name in ("inputs", "rows"))
    shifts = [int(shift) for shift in net.shifts]
    hidden = np.clip(shifted(inputs @ first + np.asarray(net.rows)[rows].sum(1), shifts[0]), 0, ACTIVATION_MAX)
    hidden = np.clip(shifted(hidden @ second + net.second_bias, shifts[1]), 0, ACTIVATION_MAX)
    return np.clip(shifted(hidden @ node + net.node_bias[0], shifts[2]) + LOGIT_LIMIT, 0, 2 * LOGIT_LIMIT - 1)


@torch.no_grad()
def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, images=1000)
    parser.add_argument("--checkpoints", type=Path, default=Path("runs/pretrain/sources"), help="folder with context/ and lm/")
    options = parser.parse_args()
    weights = installed_weights()
    tables = weights.source_tables
    sources: list[BilevelSource] = [s for image in test_images(options) if (s := source_of(tables, image))]
    context = load(
        RasterNet(window_size(ROWS_ABOVE, COLUMNS_ASIDE), SELECTED_ROWS, *WIDTHS, 1), options.checkpoints / "context"
    )
    lm = load(RasterTransformer(), options.checkpoints / "lm")
    integers = IntegerTransformer(weights.source_lm, torch.device("cpu"))
    bits = np.zeros((2, 2))
    for start in range(0, len(sources), CHUNK):
        part = sources[start : start + CHUNK]
        contexts = source_contexts(part, tables.near, ROWS_ABOVE, COLUMNS_ASIDE)
        inputs, symbols = one_hot(contexts)
        hidden = context.hidden(torch.from_numpy(inputs).float())  # type: ignore[operator]
        bits[0, 0] += float_bits(context.nodes(hidden)[:, 0].double().numpy(), symbols)  # type: ignore[operator]
        bits[0, 1] += table_bits(context_logits(weights.source_net, contexts), weights.source_net.sigmoid, symbols)
        contexts = source_contexts(part, tables.near, LM_ROWS_ABOVE, LM_COLUMNS_ASIDE)
        window, rows, outcomes, mask = padded(contexts, torch.device("cpu"))
        symbols = outcomes[mask].numpy()
        bits[1, 0] += float_bits(lm(window.float(), rows, outcomes)[mask].double().numpy(), symbols)
        bits[1, 1] += table_bits(integers.logits(window, rows, outcomes)[mask].numpy(), weights.source_lm.sigmoid, symbols)
    result = {"digits": len(sources)}
    for name, (exact, coded) in zip(("context", "lm"), bits / len(sources), strict=True):
        result[f"{name}: bits a digit, float"] = float(exact)
        result[f"{name}: bits a digit, integer"] = float(coded)
        result[f"{name}: per cent more"] = float(100 * (coded / exact - 1))
    print_result(options, result)


if __name__ == "__main__":
    main()
