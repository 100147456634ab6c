"""Traces of photographs: what every setting, stop and ending costs and shows, measured by the real codec, as tables.

A setting is chosen first, then how many segments are sent, then an ending: of preset `photo` a gain of the quantiser, slices
from coarse to fine, and the width of the synthesis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcodec.core.metrics import ms_ssim
from rlcodec.envs.measure import Report, Tables
from rlcodec.envs.pictures import Pictures, join_tables, trace_with
from rlcodec.envs.trace_file import check_shapes, load_tables
from rlcodec.errors import DataError
from rlcodec.parallel.backends import LOCAL
from rlcodec.presets.photo.decisions import ENDINGS, GAIN_CHOICES, SETTINGS, STOPS, energy_of, known_mse, photo_features
from rlcodec.presets.photo.decoder import PhotoSettings, shown_pixels, synthesis_macs
from rlcodec.presets.photo.features import FEATURES
from rlcodec.presets.photo.strips import encode_photo, strips_of
from rlcodec.presets.photo.weights import PhotoWeights, photo_weights

MIDDLE = 128
"""What decoders show where nothing was sent."""
ALIKE = 1e-3
"""Features differ by less where machines round differently, but for a coefficient here and there on the edge of a bin."""
KNOWN_FIRST = ("energy", "features")
"""Tables of what is known before a setting is chosen, whichever it will be."""


@dataclass(frozen=True)
class PictureTrace(Pictures):
    """Tables over n pictures, s settings, k stops, e endings.

    Attributes:
        energy: float64 (n,), what the encoder knows of the mean squared error of sending nothing.
        features: float64 (n, s, f), what is known before the setting is chosen.
        payload_bytes: int64 (n, s, k, e).
        macs: int64 (n, s, k, e), of the whole decoding.
        sse: int64 (n, s, k, e), squared error over all channels.
        ms_ssim: float64 (n, s, k, e).
        known_mse: float64 (n, s, k), what the encoder, once it has coded, knows of the mean squared error.
    """

    energy: np.ndarray
    features: np.ndarray
    payload_bytes: np.ndarray
    macs: np.ndarray
    sse: np.ndarray
    ms_ssim: np.ndarray
    known_mse: np.ndarray


def trace_picture(model: PhotoWeights, picture: np.ndarray, settings: Sequence[int] = range(SETTINGS)) -> dict[str, np.ndarray]:
    """All tables of one picture, uint8 (height, width, 3), without their first axis; ones where a setting is left out."""
    height, width = picture.shape[:2]
    strips = strips_of(picture, 1)
    shape = (SETTINGS, len(STOPS), len(ENDINGS))
    payload, macs, sse = (np.ones(shape, np.int64) for _ in range(3))
    similar, known = np.ones(shape), np.ones(shape[:2])
    area = sum(s.shape[1] * s.shape[2] for s in strips) * strips[0].shape[-1] ** 2
    for g in settings:
        gain = GAIN_CHOICES[g]
        coded = encode_photo(model, strips, gain, workers=1, keep=True, measure=True)
        known[g] = known_mse(coded.errors, area)
        for k, slices in enumerate(STOPS):
            payload[g, k] = len(coded.payload(slices))
            values = coded.up_to(slices)
            for e, ending in enumerate(ENDINGS):
                shown = shown_pixels(model, values, PhotoSettings(gain, ending, False), height, width, ending)
                macs[g, k, e] = coded.macs[:, :slices].sum() + synthesis_macs(area, ending)
                sse[g, k, e] = np.square(shown.astype(np.int64) - picture).sum()
                similar[g, k, e] = ms_ssim(picture, shown)
    first = dict(zip(KNOWN_FIRST, (np.array(energy_of(strips)), photo_features(strips)), strict=True))
    return first | {"payload_bytes": payload, "macs": macs, "sse": sse, "ms_ssim": similar, "known_mse": known}


def unmeasured_trace(picture: np.ndarray) -> PictureTrace:
    """The trace of one picture of which only the features are measured."""
    model = photo_weights()
    return join_tables(PictureTrace, model.digest, [picture], [trace_picture(model, picture, ())])


def _trace_one(picture: np.ndarray) -> Tables:
    return trace_picture(photo_weights(), picture)


def trace_pictures(
    pictures: Sequence[np.ndarray],
    workers: int | None = None,
    report: Report | None = None,
    kept: Path | None = None,
    engine: str = LOCAL,
) -> PictureTrace:
    """The trace of some photographs; arguments and errors as `trace_with`."""
    return trace_with(PictureTrace, photo_weights().digest, _trace_one, pictures, workers, report, kept, engine)


def load_picture_trace(path: Path) -> PictureTrace:
    """Reads a trace; nothing in it is executed.

    Raises:
        DataError: it is missing, broken, or was made by another codec.
    """
    trace = load_tables(path, PictureTrace, photo_weights().digest)
    n, tables = trace.energy.size, (SETTINGS, len(STOPS), len(ENDINGS))
    check_shapes(path, trace, {"sizes": (n, 2)})
    shapes = {
        "pixels": (3 * int(trace.areas.sum()),), "energy": (n,), "features": (n, SETTINGS, FEATURES),
        **dict.fromkeys(("payload_bytes", "macs", "sse", "ms_ssim"), (n, *tables)), "known_mse": (n, *tables[:2]),
    }  # fmt: skip
    check_shapes(path, trace, shapes)
    if n and not _counted_alike(trace, int(trace.areas.argmin())):
        raise DataError(f"{path}: another version of rlcodec counted its features; run `rlcodec trace` again")
    return trace


def _counted_alike(trace: PictureTrace, index: int) -> bool:
    """Whether a picture's features are what they would be now; the digest, of what decides streams, knows nothing of them."""
    now = photo_features(strips_of(trace.picture(index), 1), 1)
    return bool(np.median(np.abs(now - trace.features[index])) < ALIKE)
