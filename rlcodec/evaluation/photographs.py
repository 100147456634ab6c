"""A photograph at equal bytes: by rlcodec and by the formats that people use."""

import numpy as np

from rlcodec.envs.sample_images import scikit_learn_datasets
from rlcodec.evaluation.codecs import FORMATS, PHOTO_FORMATS, codec_by_name
from rlcodec.evaluation.versions import Version, finest_within

PHOTO_CODEC = "rlcodec:photo"
SAMPLE, SAMPLE_BYTES = "flower.jpg", 14_000
SAMPLE_CROP = (slice(120, 300), slice(250, 490))


def sample_photograph() -> np.ndarray:
    """A photograph that comes with scikit-learn, uint8 (427, 640, 3).

    Raises:
        DataError: scikit-learn is not installed.
    """
    return np.asarray(scikit_learn_datasets().load_sample_image(SAMPLE))


def at_equal_bytes(pixels: np.ndarray, most_bytes: int) -> dict[str, Version]:
    """The finest version that every codec has in a number of bytes; formats that have none are left out.

    Args:
        pixels: uint8 (height, width, 3).
        most_bytes: of the whole file.

    Raises:
        MisfitError: rlcodec has no stream of so few bytes.
    """
    codecs = {"rlcodec": PHOTO_CODEC, **{FORMATS[name].title: name for name in PHOTO_FORMATS}}
    versions = {title: finest_within(codec_by_name(name), pixels, most_bytes) for title, name in codecs.items()}
    return {title: version for title, version in versions.items() if version is not None}
