"""Preset compact in training: PSNR of pictures from the first channels of their latents, after the steps of each checkpoint."""

from pathlib import Path

import numpy as np
import torch
from common import arguments, print_result

from rlcodec.core.metrics import psnr_db
from rlcodec.errors import DataError
from rlcodec.presets.compact.transform import LATENT_CHANNELS, STRIDE, latent_size
from rlcodec.training.binarization import binarize_deterministically
from rlcodec.training.compact.autoencoder import Compact, first_channels, to_pixels
from rlcodec.training.data import load_pictures


@torch.no_grad()
def reconstruct(model: Compact, picture: np.ndarray, channels: int) -> np.ndarray:
    """What the transforms make of a picture by the first channels of its latent, both uint8 (height, width, 3)."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0)), mode="edge")
    bits = binarize_deterministically(model.analysis(to_pixels([padded], torch.device("cpu"))))
    decoded = model.synthesis(first_channels(bits, torch.tensor([channels])))
    pixels = ((decoded[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    return pixels[:height, :width]


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__)
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True, help="copies of autoencoder/checkpoint.pt")
    parser.add_argument("--channels", type=int, default=LATENT_CHANNELS, help="channels that are sent; all by default")
    options = parser.parse_args()
    pictures = load_pictures(options.data)[: options.images]
    sizes = [np.prod(latent_size(*picture.shape[:2])) * options.channels / 8 for picture in pictures]
    result = {"pictures": len(pictures), "bytes, not entropy-coded, mean": float(np.mean(sizes))}
    model = Compact()
    for path in options.checkpoints:
        try:
            saved = torch.load(path, weights_only=True)
            model.load_state_dict(saved["average"])
        except (OSError, KeyError, RuntimeError) as error:
            raise DataError(f"{path}: no checkpoint of preset compact") from error
        quality = [psnr_db(picture, reconstruct(model, picture, options.channels)) for picture in pictures]
        result[f"PSNR after {saved['step']} steps, {saved['seconds'] / 3600:.2f} h, dB, mean"] = float(np.mean(quality))
    print_result(options, result)


if __name__ == "__main__":
    main()
