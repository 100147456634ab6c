import numpy as np

from rlcodec.core._integer_mlp import ContextNet
from rlcodec.core._range_coder import RangeCoder

class LatentCoder:
    def __init__(self, net: ContextNet, frequencies: np.ndarray, shape: tuple[int, ...], offsets: np.ndarray) -> None: ...

def code_latent_slices(
    coder: RangeCoder,
    latents: LatentCoder,
    latent: np.ndarray,
    start: int,
    bit_budget: int,
    choices: np.ndarray,
    costs: np.ndarray,
    macs: np.ndarray,
) -> tuple[int, int]: ...
def measure_latent_slices(
    latents: LatentCoder, latent: np.ndarray, use_network: bool, costs: np.ndarray, macs: np.ndarray
) -> None: ...
