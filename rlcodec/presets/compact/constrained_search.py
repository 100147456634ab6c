"""Encoding a picture of preset `compact` as is best under an objective or within limits, of all that an episode can choose.

Choices are few: a budget of channels and, for GROUPS groups of them, a tier or a stop (`rlcodec.presets.compact.decisions`), or nothing
at all. Coding the latent once in each tier says exactly what every choice costs: bytes, compute, milliseconds. What decoders
show depends on the number of channels alone. Numbers of channels are measured in the order of what they might be worth if
their picture were perfect, until none that is left could be better than the best so far; so the best is found, not guessed,
for len(COUNTS) runs of the synthesis at most.
"""

import math
import os
from dataclasses import dataclass

import numpy as np

from rlcodec.control.constraints import Figures, Limits
from rlcodec.control.decode_time import Calibration
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.container import header_bytes
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.core.preset_ids import COMPACT
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.images.color import ColorImage, check_pixels, to_gray
from rlcodec.presets.compact.decisions import (
    AT,
    COUNTS,
    DEPTH,
    NODES,
    SETTINGS,
    actions_to,
    coding_macs_of,
    measure_latent,
    payload_bytes_of,
    show,
    tiers_used,
)
from rlcodec.presets.compact.decode_cost import compact_work
from rlcodec.presets.compact.decoder import synthesis_macs
from rlcodec.presets.compact.policy import choose_under_policy, encode_under_policy, pack_actions
from rlcodec.presets.compact.transform import STRIDE, analyse
from rlcodec.presets.compact.weights import load_compact_model

EVERYWHERE = (*((setting, node) for setting in range(SETTINGS) for node in range(NODES)), None)
"""Budget and node of every choice; None is the stream of nothing."""
CHANNELS = np.array([AT[place[0], DEPTH[place[1]]] if place else 0 for place in EVERYWHERE])
"""Index in COUNTS of the channels that every choice sends."""


@dataclass(frozen=True)
class Shown:
    """What decoders show of some channels: its PSNR in dB, and its error in the objective's measure, 0 where there is none."""

    psnr_db: float
    error: float


PERFECT = Shown(math.inf, 0.0)


class Choices:
    """Everything that can be chosen for one picture, and what comes of it.

    Args:
        picture: what to code.
        objective: what choices are worth, if anything but limits counts.
        limits: what streams should keep to.
        calibration: of this machine, where decoding is limited.

    Attributes:
        size_bytes: of every choice's stream, int64 (choices,).
        rate_bpp: of every choice's payload, float64 (choices,).
        decoder_kmac_per_pixel: of every choice, float64 (choices,).
        decode_ms: predicted, of every choice, float64 (choices,); 0 where nobody limits it.
    """

    def __init__(self, picture: ColorImage, objective: Objective | None, limits: Limits, calibration: Calibration | None):
        self.picture, self.objective, self.limits = picture, objective, limits
        self.model = load_compact_model()
        self.latent = analyse(picture.pixels, self.model.folder)
        self._original = picture.pixels[..., 0] if picture.gray else picture.pixels
        self._shown: dict[int, Shown] = {}
        cost, macs = measure_latent(self.model, self.latent)
        height, width = self._size = self._original.shape[0], self._original.shape[1]
        payload = np.append(payload_bytes_of(cost[None]), 0)
        by_tier = coding_macs_of(macs[None]).reshape(len(macs), -1)
        self.size_bytes = payload + [
            header_bytes(COMPACT, height, width, 2 * self._bits(place) + picture.gray, int(size))
            for place, size in zip(EVERYWHERE, payload, strict=True)
        ]
        self.rate_bpp = 8 * payload / (height * width)
        whole = np.append(by_tier.sum(0), 0) + synthesis_macs(*self.latent.shape[1:])
        self.decoder_kmac_per_pixel = whole / MACS_PER_KMAC / (height * width)
        self.decode_ms = np.zeros(len(EVERYWHERE))
        if calibration is not None:
            area = self.latent[0].size * STRIDE**2
            for i, place in enumerate(EVERYWHERE):
                used = {tier: int(by_tier[tier, i]) for tier in tiers_used(place[1])} if place else {}
                self.decode_ms[i] = calibration.predicted_ms(COMPACT.name, compact_work(area, used))

    def _bits(self, place: tuple[int, int] | None) -> int:
        """The bit budget that a choice's stream names."""
        return int(COUNTS[AT[place[0], -1]]) * self.latent[0].size if place else 0

    def _measured(self, channels: int) -> Shown:
        """What decoders show of COUNTS[channels] channels."""
        if channels not in self._shown:
            shown = show(self.model, self.latent, int(COUNTS[channels]), *self._size)
            shown = to_gray(shown) if self.picture.gray else shown
            error = 0.0
            if self.objective is not None and self.objective.kind == "ms-ssim":
                error = 1 - ms_ssim(self._original, shown)
            elif self.objective is not None:
                error = float(np.square(shown.astype(np.int64) - self._original).mean())
            self._shown[channels] = Shown(psnr_db(self._original, shown), error)
        return self._shown[channels]

    def figures(self, choice: int, shown: Shown) -> Figures:
        """What limits are about, of a choice whose decoders show so much."""
        return Figures(int(self.size_bytes[choice]), shown.psnr_db, float(self.decode_ms[choice]))

    def _order(self, choice: int, shown: Shown) -> tuple[float, ...]:
        """What is least of the choice that is wanted."""
        figures = self.figures(choice, shown)
        if self.objective is None:
            return self.limits.order(figures, (-figures.psnr_db, figures.size_bytes, figures.decode_ms))
        rate, kmac = self.rate_bpp[choice], self.decoder_kmac_per_pixel[choice]
        return float(self.objective.value(shown.error, rate, kmac)), figures.size_bytes

    def keeps(self, choice: int, shown: Shown | None = None) -> bool:
        """Whether a choice keeps to all limits; as measured, if nothing else is assumed."""
        return not self.limits.missed_by(self.figures(choice, shown or self._measured(int(CHANNELS[choice]))))

    def best(self) -> int:
        """The best of the choices that keep to all limits.

        Raises:
            MisfitError: none does; the message names the nearest that can be met.
        """
        possible = [choice for choice in range(len(EVERYWHERE)) if self.keeps(choice, PERFECT)]
        by_channels: dict[int, list[int]] = {}
        for choice in possible:
            by_channels.setdefault(int(CHANNELS[choice]), []).append(choice)
        hopes = {channels: min(self._order(i, PERFECT) for i in choices) for channels, choices in by_channels.items()}
        found: tuple[tuple[float, ...], int] | None = None
        for channels in sorted(hopes, key=lambda channels: hopes[channels]):
            if found and found[0] < hopes[channels]:
                break
            shown = self._measured(channels)
            kept = [(self._order(i, shown), i) for i in by_channels[channels] if self.keeps(i, shown)]
            found = min([*kept, *([found] if found else [])], default=None)
        if found is None:
            tried = [self.figures(choice, self._measured(int(CHANNELS[choice]))) for choice in range(len(EVERYWHERE))]
            raise self.limits.refusal(tried)
        return found[1]

    def stream(self, choice: int) -> bytes:
        """A choice's stream."""
        place = EVERYWHERE[choice]
        actions = actions_to(*place) if place else ()
        return pack_actions(self.model, self.latent, *self._size, actions, self.picture.gray)[0]


def encode_picture(
    picture: ColorImage,
    policy: str | os.PathLike[str] | None = None,
    objective: Objective | None = None,
    limits: Limits = Limits(),
    calibration: Calibration | None = None,
) -> bytes:
    """Encodes a picture.

    Args:
        picture: what to code.
        policy: file of a policy, whose choice is taken where it keeps to the limits; it needs an objective.
        objective: what to minimise, of all choices that keep to the limits. Where None the least bytes with `min_psnr`, else
            the finest that the limits allow.
        limits: what the stream keeps to.
        calibration: of this machine, where `limits.max_decode_ms` is given.

    Raises:
        OptionError: the objective lies outside what policies are trained for, where there is one; or the picture is too large.
        MisfitError: the limits cannot be met, and the message names the nearest that can.
        PolicyError: the policy file is broken or belongs to another codec.
    """
    check_pixels(picture)
    if policy is None or objective is None:
        choices = Choices(picture, objective, limits, calibration)
        return choices.stream(choices.best())
    loaded = load_policy(policy, load_compact_model())
    if limits == Limits():
        return encode_under_policy(loaded, picture, objective)
    actions = choose_under_policy(loaded, picture, objective)[1]
    choices = Choices(picture, objective, limits, calibration)
    by_policy = next(i for i, place in enumerate(EVERYWHERE) if place and actions_to(*place) == actions)
    return choices.stream(by_policy if choices.keeps(by_policy) else choices.best())
