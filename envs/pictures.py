"""Traces of photographs: what every setting, stop and ending costs and shows, measured by the real codec, as tables.

A setting is chosen first, then how many segments are sent, then an ending: of preset `photo` a gain of the quantiser, slices
from coarse to fine, and the width of the synthesis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from rlcodec.engines import LOCAL
from rlcodec.envs.measuring import Measure, Report, Tables, measure_all
from rlcodec.envs.tables import check_shapes, load_tables
from rlcodec.errors import DataError
from rlcodec.metrics import ms_ssim
from rlcodec.photo.analysis import FEATURES
from rlcodec.photo.codec import encode_photo, strips_of
from rlcodec.photo.model import PhotoModel, load_photo_model
from rlcodec.photo.planning import ENDINGS, GAIN_CHOICES, SETTINGS, STOPS, energy_of, known_mse, photo_features
from rlcodec.photo.stream import PhotoSetting, shown_pixels, synthesis_macs

CROPS_OF_LARGE, LARGE_SIDE = 3, 600
MIDDLE = 128
"""What decoders show where nothing was sent."""
ALIKE = 1e-3
"""Features differ by less where machines round differently, but for a coefficient here and there on the edge of a bin."""
KNOWN_FIRST = ("energy", "features")
"""Tables of what is known before a setting is chosen, whichever it will be."""
P = TypeVar("P", bound="Pictures")


@dataclass(frozen=True)
class Pictures:
    """Pictures of a trace, of whatever preset; its tables are further fields, whose first axis is pictures.

    Attributes:
        digest: of the model that made it.
        pixels: uint8 (all,), of the pictures one after another, each (height, width, 3).
        sizes: int64 (n, 2), heights and widths.
    """

    digest: str
    pixels: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def areas(self) -> np.ndarray:
        """Pixels of the pictures, int64 (n,)."""
        return self.sizes.prod(1)

    def picture(self, index: int) -> np.ndarray:
        """Picture `index`, uint8 (height, width, 3)."""
        starts = np.concatenate([[0], np.cumsum(3 * self.areas)])
        return self.pixels[starts[index] : starts[index + 1]].reshape(*self.sizes[index], 3)

    def take(self, index: np.ndarray | slice) -> Self:
        """The same tables for some of the pictures."""
        which = np.arange(len(self))[index]
        pixels = np.concatenate([self.pixels[:0], *(self.picture(i).reshape(-1) for i in which)])
        return type(self)(self.digest, pixels, *(getattr(self, f.name)[which] for f in fields(self)[2:]))


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


def crops_of(pictures: Sequence[np.ndarray], side: int, seed: int = 0) -> list[np.ndarray]:
    """Squares of some side from random places, one from a picture, or CROPS_OF_LARGE from a large one.

    Raises:
        DataError: no picture is as large.
    """
    rng, crops = np.random.default_rng(seed), []
    for picture in pictures:
        height, width = picture.shape[:2]
        if min(height, width) < side:
            continue
        for _ in range(CROPS_OF_LARGE if max(height, width) > LARGE_SIDE else 1):
            y, x = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
            crops.append(np.ascontiguousarray(picture[y : y + side, x : x + side]))
    if not crops:
        raise DataError(f"no picture is {side} pixels high and wide")
    return crops


def trace_picture(model: PhotoModel, picture: np.ndarray, settings: Sequence[int] = range(SETTINGS)) -> dict[str, np.ndarray]:
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
                shown = shown_pixels(model, values, PhotoSetting(gain, ending, False), height, width, ending)
                macs[g, k, e] = coded.macs[:, :slices].sum() + synthesis_macs(area, ending)
                sse[g, k, e] = np.square(shown.astype(np.int64) - picture).sum()
                similar[g, k, e] = ms_ssim(picture, shown)
    first = dict(zip(KNOWN_FIRST, (np.array(energy_of(strips)), photo_features(strips)), strict=True))
    return first | {"payload_bytes": payload, "macs": macs, "sse": sse, "ms_ssim": similar, "known_mse": known}


def unmeasured_trace(picture: np.ndarray) -> PictureTrace:
    """The trace of one picture of which only the features are measured."""
    model = load_photo_model()
    return join_tables(PictureTrace, model.digest, [picture], [trace_picture(model, picture, ())])


def _trace_one(picture: np.ndarray) -> Tables:
    return trace_picture(load_photo_model(), picture)


def trace_with(
    kind: type[P], digest: str, trace_one: Measure, pictures: Sequence[np.ndarray],
    workers: int | None = None, report: Report | None = None, kept: Path | None = None, engine: str = LOCAL,
) -> P:  # fmt: skip
    """The trace of some pictures, computed by several processes.

    Args:
        kind: of trace.
        digest: of the model.
        trace_one: all tables of one picture, without their first axis; a function that other processes can import.
        pictures: uint8 (height, width, 3) each.
        workers: as `rlcodec.envs.measuring.measure_all`.
        report: called with (pictures done, pictures in all).
        kept: as `rlcodec.envs.measuring.measure_all`.
        engine: as `rlcodec.envs.measuring.measure_all`.

    Raises:
        DataError: there are no pictures.
        OutputError: `kept` cannot be written to.
    """
    if not len(pictures):
        raise DataError("there are no pictures to trace")
    return join_tables(kind, digest, pictures, measure_all(trace_one, pictures, digest, workers, report, kept, engine))


def join_tables(kind: type[P], digest: str, pictures: Sequence[np.ndarray], tables: Sequence[Tables]) -> P:
    """One trace of all pictures."""
    return kind(
        digest,
        np.concatenate([p.reshape(-1) for p in pictures]),
        np.array([p.shape[:2] for p in pictures], np.int64),
        **{name: np.stack([t[name] for t in tables]) for name in tables[0]},
    )


def trace_pictures(
    pictures: Sequence[np.ndarray],
    workers: int | None = None,
    report: Report | None = None,
    kept: Path | None = None,
    engine: str = LOCAL,
) -> PictureTrace:
    """The trace of some photographs; arguments and errors as `trace_with`."""
    return trace_with(PictureTrace, load_photo_model().digest, _trace_one, pictures, workers, report, kept, engine)


def load_picture_trace(path: Path) -> PictureTrace:
    """Reads a trace; nothing in it is executed.

    Raises:
        DataError: it is missing, broken, or was made by another codec.
    """
    trace = load_tables(path, PictureTrace, load_photo_model().digest)
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
