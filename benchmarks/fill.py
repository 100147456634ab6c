"""What shows below the last row sent: the reconstruction alone, or with the last row's correction carried on."""

from typing import Any

import numpy as np
from common import arguments, print_result, test_images

from rlcodec.core.integer_conv import analyse, keep_bits, synthesise
from rlcodec.presets.mnist.rows import fill_rows
from rlcodec.presets.mnist.weights import load_model

ROWS = (8, 14, 20)


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__ or "", images=1000).parse_args()
    model, images = load_model(), test_images(options)
    result: dict[str, Any] = {"images": len(images)}
    latents = [analyse(model.analysis, image) for image in images]
    out = np.empty_like(images[0])
    for slices in (0, 4, 8):
        for rows in ROWS:
            errors = np.zeros(2)
            for image, latent in zip(images, latents, strict=True):
                kept = keep_bits(latent, slices * latent[0].size)
                reconstruction = synthesise(model.synthesis, kept, *image.shape)
                for i, weights in enumerate((np.zeros_like(model.fill[slices]), model.fill[slices])):
                    fill_rows(reconstruction, image, rows, weights, out)
                    errors[i] += np.square(out.astype(np.int64) - image).mean() / len(images)
            result[f"{slices} slices, {rows} rows: MSE of the reconstruction alone"] = float(errors[0])
            result[f"{slices} slices, {rows} rows: MSE with the correction"] = float(errors[1])
    print_result(options, result)


if __name__ == "__main__":
    main()
