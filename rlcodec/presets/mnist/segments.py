"""The segments of a stream: which there are, what deciding on them costs, and the compute of the transforms."""

from rlcodec.core.integer_conv import latent_shape
from rlcodec.core.segment_choice import LATENT, PIXELS
from rlcodec.core.segments import Segment
from rlcodec.presets.mnist.weights import Model


def segments_of(model: Model, height: int, width: int, bit_budget: int) -> tuple[Segment, ...]:
    """All segments of an image under a bit budget: latent slices in order of importance, then rows of pixels."""
    rows, columns = latent_shape(height, width)
    per_slice = rows * columns
    latents = (Segment(LATENT, i, min(per_slice, bit_budget - i * per_slice)) for i in range(-(-bit_budget // per_slice)))
    return *latents, *(Segment(PIXELS, y, width) for y in range(height))


def max_bit_budget(model: Model, height: int, width: int) -> int:
    """Binary latents of an image of this size."""
    rows, columns = latent_shape(height, width)
    return model.slices * rows * columns


def budget_index(bit_budget: int, height: int, width: int) -> int:
    """Slices that a budget touches; the networks know a budget by this number."""
    rows, columns = latent_shape(height, width)
    return -(-bit_budget // (rows * columns))


def synthesis_macs(model: Model, height: int, width: int, bit_budget: int) -> int:
    """Multiply-accumulates of the synthesis transform; none without latents, when its output is a constant."""
    if not bit_budget:
        return 0
    rows, columns = latent_shape(height, width)
    total = 0
    for layer in model.synthesis:
        total += layer.macs(rows, columns)
        rows, columns = rows * layer.shuffle, columns * layer.shuffle
    return total


def analysis_macs(model: Model, height: int, width: int) -> int:
    """Multiply-accumulates of the analysis transform."""
    rows, columns = (4 * n for n in latent_shape(height, width))
    total = 0
    for layer in model.analysis:
        total += layer.macs(rows, columns)
        rows, columns = -(-rows // layer.stride), -(-columns // layer.stride)
    return total
