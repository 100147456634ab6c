"""Encodes pictures with preset `compact`, with a tier or a stop chosen for every channel of the latent."""

import functools
from dataclasses import dataclass

import numpy as np

from rlcodec.core.container import pack
from rlcodec.core.integer_conv import keep_bits
from rlcodec.core.range_coder import COSTS, PROBABILITY_ONE
from rlcodec.core.segment_choice import CONTEXT, LATENT, LATENT_TIERS, STOP, STOP_PROBABILITY, TIERS, change_costs
from rlcodec.errors import MisfitError
from rlcodec.images.color import ColorImage, to_gray
from rlcodec.presets.base import Encoded
from rlcodec.presets.compact.decoder import decoder_macs
from rlcodec.presets.compact.format import COMPACT
from rlcodec.presets.compact.latent_coder import encode_latent
from rlcodec.presets.compact.settings import CompactSettings
from rlcodec.presets.compact.transform import LATENT_CHANNELS, analyse, latent_size, synthesise
from rlcodec.presets.compact.weights import CompactWeights


@dataclass(frozen=True, eq=False)
class AnalysedPicture:
    """A picture and its latent.

    Args:
        weights: of the preset.
        picture: what to code.
    """

    weights: CompactWeights
    picture: ColorImage

    @functools.cached_property
    def latent(self) -> np.ndarray:
        """int8 (LATENT_CHANNELS, rows, columns), -1 or +1."""
        return analyse(self.picture.pixels, self.weights.folder)

    @functools.cached_property
    def channel_costs(self) -> tuple[np.ndarray, np.ndarray]:
        """Code length in 1/COST_UNIT bit, without naming the tier, and multiply-accumulates of every channel in each tier.

        Both int64 (LATENT_TIERS, LATENT_CHANNELS). The latent is coded once in each tier.
        """
        naming, costs, macs = change_costs(LATENT, 0), [], []
        for tier in range(LATENT_TIERS):
            _, segments = encode_latent(self.weights, self.latent, self.latent.size, np.full(LATENT_CHANNELS, tier))
            named = np.array([naming[CONTEXT, tier]] + [naming[tier, tier]] * (LATENT_CHANNELS - 1))
            coded = np.array([segment.cost for segment in segments])
            costs.append(coded - named.astype(np.int64) - COSTS[PROBABILITY_ONE - STOP_PROBABILITY])
            macs.append([segment.macs for segment in segments])
        return np.stack(costs), np.array(macs, np.int64)

    def reconstruct(self, bits: int) -> np.ndarray:
        """What the synthesis makes of the first bits of the latent, uint8 (height, width, 3)."""
        height, width = self.picture.pixels.shape[:2]
        return synthesise(keep_bits(self.latent, bits), height, width, self.weights.folder)

    def show(self, bits: int) -> np.ndarray:
        """What decoders show of the first bits of the latent, gray if the picture is."""
        pixels = self.reconstruct(bits)
        return to_gray(pixels) if self.picture.gray else pixels

    def encode(self, bit_budget: int, choices: np.ndarray) -> Encoded:
        """Encodes the picture.

        Args:
            bit_budget: binary latents to keep, channel by channel.
            choices: int64, STOP or a tier for each channel that the budget touches; those after a STOP do not count.
        """
        payload, segments = encode_latent(self.weights, self.latent, bit_budget, choices)
        settings = CompactSettings(bit_budget, self.picture.gray)
        height, width = self.picture.pixels.shape[:2]
        sent_bits = sum(s.segment.symbols for s in segments if s.tier != STOP)
        return Encoded(
            data=pack(COMPACT, self.weights.fingerprint, height, width, settings.to_number(), payload),
            settings=settings,
            segments=segments,
            bits=8.0 * len(payload),
            decoder_macs=decoder_macs(segments, self.latent),
            original=self.picture.original,
            show=lambda: self.show(sent_bits),
        )


def encode_by_hand(analysed: AnalysedPicture, bit_budget: int | None = None, tier: str | None = None) -> Encoded:
    """Encodes a picture with one tier for all channels.

    Args:
        analysed: the picture.
        bit_budget: binary latents to keep, channel by channel; all if None.
        tier: "table" or "context"; "context" if None.

    Raises:
        MisfitError: the budget is not within what the picture has.
    """
    rows, columns = latent_size(*analysed.picture.pixels.shape[:2])
    most = LATENT_CHANNELS * rows * columns
    kept = most if bit_budget is None else bit_budget
    if not 0 <= kept <= most:
        raise MisfitError(f"bit_budget is {kept}; this picture takes 0 to {most}")
    choices = np.full(-(-kept // (rows * columns)), TIERS.index(tier) if tier else CONTEXT)
    return analysed.encode(kept, choices)
