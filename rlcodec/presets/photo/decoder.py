"""Decoding streams of preset `photo`: from the payload to coefficients, and from coefficients to the picture."""

from typing import Any

import numpy as np

from rlcodec.core.container import Stream, unpack
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.core.weights_file import check_fingerprint
from rlcodec.images.color import to_gray
from rlcodec.presets.base import Decoded, check_padded_size
from rlcodec.presets.photo.alpha import decode_alpha
from rlcodec.presets.photo.areas import Areas
from rlcodec.presets.photo.colors import ColorTransform
from rlcodec.presets.photo.quantiser import OFFSETS_PER_OCTAVE
from rlcodec.presets.photo.repair import KMAC, render
from rlcodec.presets.photo.settings import PhotoSettings
from rlcodec.presets.photo.strips import decode_areas, unpack_segments
from rlcodec.presets.photo.transform import AREA_PIXELS, RASTER, SIDES, TRANSFORM_MACS, WHOLE
from rlcodec.presets.photo.weights import PhotoWeights


def decode_picture(weights: PhotoWeights, stream: Stream, synthesis: str | None = None, workers: int | None = None) -> Decoded:
    """Decodes a stream, as far as its bytes go.

    Args:
        weights: of the preset.
        stream: parsed.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`; the one that the stream names if None.
        workers: threads; as many as there are cores if None.

    Raises:
        DamagedStreamError: a value is impossible.
        UnknownModelError: it was coded with other weights.
    """
    header = stream.header
    settings, size = PhotoSettings.from_number(header.settings), (header.height, header.width)
    check_fingerprint(header, weights.digest)
    check_padded_size(header)
    areas, segments = decode_areas(weights, stream.payload, size, workers, settings.alpha)
    colors = ColorTransform.of_payload(settings.fixed, stream.payload)
    used = synthesis or settings.synthesis
    slices = 1 + max((s.segment.index for s in segments if s.cost), default=-1)
    picture = shown_pixels(weights, areas, settings, colors, size, used)
    if settings.alpha:
        alpha = decode_alpha(*unpack_segments(stream.payload, size[0], True)[1], size, workers)
        picture = np.dstack([picture, alpha])
    return Decoded(
        picture=picture,
        settings=settings,
        segments=segments,
        decoder_macs=sum(s.macs for s in segments) + synthesis_macs(areas.splits.size * AREA_PIXELS, used),
        choice=f"gain {settings.gain}, {slices} slices, {settings.synthesis}",
        lossless=False,
        truncated=stream.truncated or not all(s.complete for s in segments),
        details=summary_of(areas),
    )


def summary_of(areas: Areas) -> dict[str, Any]:
    """What a stream says about areas, in short: shares of the picture by side of the blocks, and the range of offsets.

    Offsets are in octaves of the quantiser's step. If the raster layer holds a share of the picture, it is told as well.
    """
    split, raster = areas.splits < WHOLE, float((areas.splits == RASTER).mean())
    quarters = np.unpackbits(areas.splits[split]).sum() / (4 * areas.splits.size)
    shares = dict(zip(SIDES, (quarters, split.mean() - quarters, 1 - raster - split.mean()), strict=True))
    low, high = (int(limit) / OFFSETS_PER_OCTAVE for limit in (areas.offsets.min(), areas.offsets.max()))
    return {
        "blocks": {f"{side}x{side}": round(float(share), 4) for side, share in shares.items()},
        "offsets": {"lowest": low, "highest": high},
    } | ({"raster": round(raster, 4)} if raster else {})


def decoded_values(weights: PhotoWeights, data: bytes) -> np.ndarray:
    """What a stream says about its areas, int16 (area rows, area columns, values of all arrays); errors as `decode_picture`."""
    stream = unpack(data)
    header = stream.header
    check_fingerprint(header, weights.digest)
    alpha = PhotoSettings.from_number(header.settings).alpha
    areas = decode_areas(weights, stream.payload, (header.height, header.width), alpha=alpha)[0]
    shape = areas.splits.shape
    parts = (areas.values, areas.splits, areas.offsets, areas.chroma, areas.repairs)
    return np.concatenate([part.reshape(*shape, -1).astype(np.int16) for part in parts], 2)


def synthesis_macs(area: int, synthesis: str) -> int:
    """Multiply-accumulates of a synthesis, inverse transforms included.

    Args:
        area: pixels in whole areas.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.
    """
    return round(area * (TRANSFORM_MACS + MACS_PER_KMAC * KMAC[synthesis]))


def shown_pixels(
    weights: PhotoWeights, areas: Areas, settings: PhotoSettings, colors: ColorTransform, size: tuple[int, int], synthesis: str
) -> np.ndarray:
    """The picture that decoders show.

    Args:
        weights: of the preset.
        areas: quantised.
        settings: of the stream.
        colors: colour transform of the stream.
        size: height and width in pixels.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.

    Returns:
        uint8 (height, width, 3), or (height, width) of a gray picture.
    """
    pixels = render(weights, areas, settings.quantiser, colors, synthesis)[: size[0], : size[1]]
    return to_gray(pixels) if settings.gray else np.ascontiguousarray(pixels)
