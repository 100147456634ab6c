"""Tier `lm`: decoding by the kernel against the same network as a KV-cached float loop in torch, on one core, in one run."""

import functools
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from common import arguments, print_result, seconds, test_images, use_one_core
from torch import Tensor

import rlcodec
from rlcodec.presets.mnist.bilevel.coder import source_of
from rlcodec.presets.mnist.bilevel.tokens import Contexts, source_contexts
from rlcodec.presets.mnist.bilevel.transformer import (
    ATTENTION_SCALE,
    HEAD_SIZE,
    LM_COLUMNS_ASIDE,
    LM_ROWS_ABOVE,
    RESIDUAL,
    LmNet,
)
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.training.mnist.transformer import normalise
from rlcodec.training.quantise import ACTIVATION_CEILING, ACTIVATION_SCALE


class CachedLoop:
    """The network in float32, one token at a time, with a KV cache. Symbols are given, and nothing is coded."""

    def __init__(self, net: LmNet, most: int):
        layers, width, _ = net.up.shape
        scale = RESIDUAL * 2.0 ** int(net.embed_shift[0])
        stored = {name: np.array(getattr(net, name)) for name in LmNet.stored}
        self.first = torch.from_numpy(stored["first"] / scale).float()
        self.rows = torch.from_numpy(stored["rows"] / scale).float()
        to_residual = int(np.log2(RESIDUAL / ACTIVATION_SCALE))
        self.layers = []
        for i in range(layers):
            qkv, out, up, down = (int(s) for s in net.layer_shifts[i])
            bits = {"qkv": qkv, "out": out + to_residual, "up": up, "down": down + to_residual}
            layer = {n: torch.from_numpy(stored[n][i].T / 2.0**b).float().contiguous() for n, b in bits.items()}
            for n in ("up", "down"):
                layer[f"{n}_bias"] = torch.from_numpy(stored[f"{n}_bias"][i] / 2.0 ** bits[n] / ACTIVATION_SCALE).float()
            layer["outcome"] = torch.from_numpy(stored["outcome"][i] / ACTIVATION_SCALE).float()
            layer["sink"] = torch.from_numpy(stored["sink"][i] / ACTIVATION_SCALE).float()
            layer["keys"] = torch.zeros(width // HEAD_SIZE, most + 1, HEAD_SIZE)
            layer["values"] = torch.zeros_like(layer["keys"])
            self.layers.append(layer)
        node_bits = 2.0 ** int(net.shifts[2])
        self.node = torch.from_numpy(stored["nodes"][0] / node_bits).float()
        self.node_bias = float(net.node_bias[0]) / node_bits / ACTIVATION_SCALE
        self.count = 0

    def start(self) -> None:
        """Forgets all tokens."""
        self.count = 1
        for layer in self.layers:
            layer["keys"][:, 0], layer["values"][:, 0] = (part.view(-1, HEAD_SIZE) for part in layer["sink"])

    def step(self, which: Tensor, rows: Tensor) -> float:
        """Logit of the next token, whose inputs `which` are ink."""
        x = self.first.index_select(0, which).sum(0) + self.rows.index_select(0, rows).sum(0)
        n = self.count
        for layer in self.layers:
            query, key, value = (
                (layer["qkv"] @ normalise(x)).clamp_(-ACTIVATION_CEILING, ACTIVATION_CEILING).view(3, -1, HEAD_SIZE)
            )
            weight = torch.softmax(torch.matmul(layer["keys"][:, :n], query[..., None]) * ATTENTION_SCALE, 1)
            mixed = torch.matmul(weight.transpose(1, 2), layer["values"][:, :n]).reshape(-1)
            layer["keys"][:, n], layer["values"][:, n] = key, value
            x = x + layer["out"] @ mixed
            hidden = torch.addmv(layer["up_bias"], layer["up"], normalise(x)).clamp_(0, ACTIVATION_CEILING)
            x = x + torch.addmv(layer["down_bias"], layer["down"], hidden)
        return float(self.node @ normalise(x)) + self.node_bias

    def remember(self, symbol: int) -> None:
        """Completes the last token's values with its outcome."""
        for layer in self.layers:
            values = layer["values"][:, self.count]
            values += layer["outcome"][symbol].view(-1, HEAD_SIZE)
            values.clamp_(-ACTIVATION_CEILING, ACTIVATION_CEILING)
        self.count += 1

    @torch.inference_mode()
    def bits(self, contexts: Contexts) -> tuple[float, float]:
        """Bits of a scan's tokens, and the seconds of the loop over them."""
        which = [torch.from_numpy(np.flatnonzero(window)) for window in contexts.inputs]
        rows, symbols = torch.from_numpy(contexts.rows), contexts.symbols.tolist()
        logits = []
        started = time.perf_counter()
        self.start()
        for i, symbol in enumerate(symbols):
            logits.append(self.step(which[i], rows[i]))
            self.remember(symbol)
        taken = time.perf_counter() - started
        signed = np.where(np.array(symbols) > 0, -1, 1) * np.array(logits)
        return float(np.logaddexp(0, signed).sum() / np.log(2)), taken


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__, images=40).parse_args()
    use_one_core()
    torch.set_num_threads(1)
    weights = installed_weights()
    sources = [(image, source) for image in test_images(options) if (source := source_of(weights.source_tables, image))]
    images = [image for image, _ in sources]
    contexts = source_contexts([source for _, source in sources], weights.source_tables.near, LM_ROWS_ABOVE, LM_COLUMNS_ASIDE)
    loop = CachedLoop(weights.source_lm, max(len(c.symbols) for c in contexts))
    streams = [rlcodec.encode(image, tier="lm") for image in images]
    rlcodec.decode(streams[0])
    loop.bits(contexts[0])
    kernel, torch_loop, bits = [], [], []
    for data, context in zip(streams, contexts, strict=True):  # in turns, so that both see the same machine
        kernel.append(seconds(functools.partial(rlcodec.decode, data)))
        loop_bits, loop_seconds = loop.bits(context)
        bits.append(loop_bits)
        torch_loop.append(loop_seconds)
    result = {
        "digits, each once": len(images),
        "tokens a digit": float(np.mean([len(c.symbols) for c in contexts])),
        "decode ms a digit, kernel, everything": 1000 * float(np.median(kernel)),
        "decode ms a digit, torch loop, network alone": 1000 * float(np.median(torch_loop)),
        "times faster, median of ratios": float(np.median(np.array(torch_loop) / np.array(kernel))),
        "bits a digit by the float network, tokens alone": float(np.mean(bits)),
    }
    print_result(options, result)


if __name__ == "__main__":
    main()
