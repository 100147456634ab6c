"""What the parts of preset photo's encoder save: BD-rates and decode times with each of them switched off, one at a time.

Only what the format allows can be switched off: colours that are not turned, no chroma from luma, blocks of one size, areas
without offsets, steps that do not grow with frequency, a lesser or a greater predictor, and less or more repair. Rates are of
whole files, and a curve is the mean over pictures; positive rates say how many more bytes the rest takes at equal quality.
"""

import functools
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from common import arguments, in_turns, print_result
from tqdm import tqdm

import rlcodec
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.segment_choice import CONTEXT, TABLE
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.evaluation.curves import bd_rate_percent
from rlcodec.images.color import ColorImage
from rlcodec.presets.photo import strips
from rlcodec.presets.photo.allocation import ALLOCATIONS, Allocation
from rlcodec.presets.photo.analysis import EVEN_SPLITS, Analysis, analyse, split_as
from rlcodec.presets.photo.coding import MOST_REPAIR
from rlcodec.presets.photo.colors import ColorTransform, best_transform
from rlcodec.presets.photo.constrained_search import DEFAULT_SYNTHESIS
from rlcodec.presets.photo.encoder import stream_of
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.process import Choice
from rlcodec.presets.photo.quantiser import Quantiser
from rlcodec.presets.photo.repair import PLAIN
from rlcodec.presets.photo.settings import PREDICTORS
from rlcodec.presets.photo.transform import SIDES, SLICES
from rlcodec.training.data import load_pictures

GAINS = (100, 170, 240, 310)
NEAR_BPP = 1.0
ALL = "everything"
SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "psnr": psnr_db,
    "ms-ssim": lambda one, other: -10 * float(np.log10(max(1 - ms_ssim(one, other), 1e-6))),
    "ssimulacra2": ssimulacra2,
}
"""Quality by kind of distortion."""


def no_chroma_from_luma(planes: np.ndarray, quantiser: Quantiser, offsets: np.ndarray, allocation: Allocation) -> Analysis:
    """As `analyse`, but chroma is not predicted."""
    chosen = analyse(planes, quantiser, offsets, allocation)
    return replace(chosen, chroma=np.zeros_like(chosen.chroma))


def one_size(split: int, planes: np.ndarray, quantiser: Quantiser, offsets: np.ndarray, allocation: Allocation) -> Analysis:
    """As `analyse`, but all areas are split alike."""
    return split_as(planes, quantiser, offsets, np.full(offsets.shape, split, np.uint8))


@dataclass(frozen=True)
class Variant:
    """An encoder of which something is switched off.

    Attributes:
        allocation: from that of the kind of distortion.
        analysis: instead of `analyse`.
        turned: whether colours are turned.
        tier: of the predictor.
        synthesis: of the stream.
    """

    allocation: Callable[[Allocation], Allocation] = lambda allocation: allocation
    analysis: Callable[[np.ndarray, Quantiser, np.ndarray, Allocation], Analysis] = analyse
    turned: bool = True
    tier: int = CONTEXT
    synthesis: str = DEFAULT_SYNTHESIS

    def encode(self, picture: np.ndarray, gain: int, kind: str) -> bytes:
        """The stream of a picture, uint8 (height, width, 3), at a gain."""
        weights, allocation = installed_weights(), self.allocation(ALLOCATIONS[kind])
        colors = best_transform(picture, allocation.fixed) if self.turned else ColorTransform(allocation.fixed)
        with patch.object(strips, "analyse", self.analysis):
            coded = strips.encode_photo(weights, picture, gain, colors, allocation, MOST_REPAIR, self.tier)
        return stream_of(weights, coded, ColorImage(picture, False), allocation, Choice(gain, SLICES, self.synthesis)).data


VARIANTS = {
    ALL: Variant(),
    "colours not turned": Variant(turned=False),
    "no chroma from luma": Variant(analysis=no_chroma_from_luma),
    **{
        f"blocks of {side}x{side} only": Variant(analysis=functools.partial(one_size, split))
        for side, split in zip(SIDES, EVEN_SPLITS, strict=True)
    },
    "no offsets of areas": Variant(lambda allocation: allocation.scaled(0)),
    "no growth with frequency": Variant(lambda allocation: replace(allocation, shape=0)),
    "predictor table": Variant(tier=TABLE),
    "predictor network": Variant(tier=PREDICTORS.index("network")),
    "synthesis plain": Variant(synthesis=PLAIN),
    "synthesis full": Variant(synthesis="full"),
}
"""What is measured, by name."""


def shown(stream: bytes) -> np.ndarray:
    """The picture of a stream, uint8 (height, width, 3)."""
    return np.asarray(rlcodec.decode(stream))


def ablation(pictures: list[np.ndarray], options: Namespace) -> dict[str, object]:
    """Values by name."""
    names, gains, score = list(VARIANTS), options.gain or GAINS, SCORES[options.distortion]
    curves = np.empty((len(names), len(gains), len(pictures), 2))  # bits per pixel and quality
    times = np.empty((len(pictures), len(names)))
    with tqdm(total=len(pictures) * len(gains) * len(names), disable=None) as bar:
        for p, picture in enumerate(pictures):
            streams: dict[tuple[int, int], bytes] = {}
            for g, gain in enumerate(gains):
                for n, name in enumerate(names):
                    stream = streams[n, g] = VARIANTS[name].encode(picture, gain, options.distortion)
                    rate_bpp = 8 * len(stream) / (picture.shape[0] * picture.shape[1])
                    curves[n, g, p] = rate_bpp, score(picture, shown(stream))
                    bar.update()
            near = [int(np.abs(curves[n, :, p, 0] - NEAR_BPP).argmin()) for n in range(len(names))]
            runs = [functools.partial(shown, streams[n, near[n]]) for n in range(len(names))]
            times[p] = np.median(in_turns(runs, options.repeats), 0)
    means = curves.mean(2)
    result: dict[str, object] = {"pictures, repeats of each decode": f"{len(pictures)}, {options.repeats}"}
    for n, name in enumerate(names):
        bd_rate = bd_rate_percent(*means[0].T, *means[n].T)
        decode = f"decode {1000 * np.median(times[:, n]):.1f} ms, {np.median(times[:, n] / times[:, 0]):.2f} times"
        result[name] = decode if name == ALL else f"{bd_rate:+.1f}% by {options.distortion}, {decode}"
    return result


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--images", type=int, help="at most so many")
    parser.add_argument("--gain", type=int, action="append", help=f"{', '.join(map(str, GAINS))} by default; repeatable")
    parser.add_argument("--distortion", choices=list(SCORES), default="ssimulacra2", help="what the encoder is to minimise")
    parser.add_argument("--repeats", type=int, default=5, help="of decodes near 1 bit per pixel")
    options = parser.parse_args()
    print_result(options, ablation(load_pictures(options.photos)[: options.images], options))


if __name__ == "__main__":
    main()
