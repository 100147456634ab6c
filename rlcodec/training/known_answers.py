"""The streams that new weights carry as known answers: small pictures, coded with these weights in every tier."""

import functools
from collections.abc import Sequence

import numpy as np

from rlcodec.core.container import pack
from rlcodec.core.known_answers import known_answers
from rlcodec.core.segment_choice import CONTEXT, LATENT_TIERS, LM, TABLE
from rlcodec.images.color import ColorImage
from rlcodec.presets.compact.encoder import AnalysedPicture
from rlcodec.presets.compact.latent_coder import latent_of_stream
from rlcodec.presets.compact.weights import CompactWeights
from rlcodec.presets.mnist.encoder import constant_choices, encode_with
from rlcodec.presets.mnist.session import decoded_pixels
from rlcodec.presets.mnist.weights import MnistWeights
from rlcodec.presets.photo.decoder import decoded_values
from rlcodec.presets.photo.format import PHOTO
from rlcodec.presets.photo.repair import WIDTHS
from rlcodec.presets.photo.settings import PhotoSettings
from rlcodec.presets.photo.strips import encode_photo
from rlcodec.presets.photo.weights import PhotoWeights

SIDE = 64
GAINS = (6, 30)


def digit_answers(weights: MnistWeights, images: Sequence[np.ndarray]) -> dict[str, str]:
    """Known answers of preset `mnist` from images, uint8 (h, w): all rows in every tier, and all latents in their two tiers."""
    streams = [encode_with(weights, image, 0, constant_choices(tier)).data for image in images for tier in (TABLE, CONTEXT, LM)]
    for image in images:
        bits = weights.slices * -(-image.shape[0] // 4) * -(-image.shape[1] // 4)
        streams += [encode_with(weights, image, bits, constant_choices(tier, 0)).data for tier in (TABLE, CONTEXT)]
    return known_answers(streams, functools.partial(decoded_pixels, weights))


def photo_answers(weights: PhotoWeights, picture: np.ndarray) -> dict[str, str]:
    """Known answers of preset `photo` from the top left part of a picture, uint8 (h, w, 3)."""
    part = np.ascontiguousarray(picture[:SIDE, :SIDE])
    height, width, _ = part.shape
    streams = [
        pack(
            PHOTO, weights.fingerprint, height, width, PhotoSettings(gain, WIDTHS[0], False).to_number(),
            encode_photo(weights, part, gain).payload(),
        )
        for gain in GAINS
    ]  # fmt: skip
    return known_answers(streams, functools.partial(decoded_values, weights))


def compact_answers(weights: CompactWeights, picture: np.ndarray) -> dict[str, str]:
    """Known answers of preset `compact` from the first pixels of a picture, uint8 (h, w, 3)."""
    part = np.ascontiguousarray(picture[: 2 * SIDE, : 2 * SIDE])
    source = AnalysedPicture(weights, ColorImage(part, gray=False))
    streams = [source.encode(source.latent.size, np.full(len(source.latent), tier)).data for tier in range(LATENT_TIERS)]
    return known_answers(streams, functools.partial(latent_of_stream, weights))
