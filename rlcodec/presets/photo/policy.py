"""Encoding a photograph under a policy, or as an episode chose."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcodec.control.objective import KINDS, Objective
from rlcodec.control.observation import Goal
from rlcodec.control.onnx_policy import Policy, check_objective, description
from rlcodec.core.container import pack
from rlcodec.core.preset_ids import PHOTO
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.images.color import ColorImage
from rlcodec.presets.base import Encoded
from rlcodec.presets.photo.coefficient_coder import SLICE_COUNT
from rlcodec.presets.photo.decisions import (
    ENDING_PHASE,
    ENDINGS,
    GAIN_CHOICES,
    LAYOUT,
    RATE_RANGE,
    SETTING_PHASE,
    SLICE_PHASE,
    STOP_ACTION,
    STOPS,
    PhotoStanding,
    Prospect,
    energy_of,
    expect,
    expect_after,
    known_mse,
    legal_actions,
    nothing_sent,
    observe,
    photo_features,
    synthesis_kmac,
)
from rlcodec.presets.photo.decoder import PhotoSetting, shown_pixels, synthesis_macs
from rlcodec.presets.photo.strips import CodedStrip, encode_photo, strips_of
from rlcodec.presets.photo.weights import load_photo_model


def describe_photo() -> dict[str, Any]:
    """The description of policies for photographs."""
    actions = {
        "first": [f"gain {gain}" for gain in GAIN_CHOICES],
        "later": ["stop", "go on"],
        "stops": [f"after {slices} slices" for slices in STOPS],
        "last": [f"synthesis {ending}" for ending in ENDINGS],
    }
    return description(load_photo_model(), LAYOUT, actions, RATE_RANGE)


def pack_photo(coded: CodedStrip, shape: tuple[int, ...], setting: PhotoSetting, slices: int = SLICE_COUNT) -> bytes:
    """The stream of a coded picture of a shape (height, width, ...) that ends after so many slices."""
    height, width = shape[:2]
    return pack(PHOTO, load_photo_model().fingerprint, height, width, setting.to_number(), coded.payload(slices))


def encode_actions(pixels: np.ndarray, actions: tuple[int, ...]) -> Encoded:
    """Encodes a picture as an episode's actions say; where they end before the episode does, it stops there, plain.

    Args:
        pixels: uint8 (height, width, 3).
        actions: legal ones, from the first.
    """
    model, (height, width) = load_photo_model(), pixels.shape[:2]
    later, stop = list(actions[1:]), 0
    while stop < len(STOPS) - 1 and later:
        if later.pop(0) == STOP_ACTION:
            break
        stop += 1
    slices, ending = STOPS[stop], ENDINGS[later[0] if later else 0]
    setting = PhotoSetting(GAIN_CHOICES[actions[0]], ending, False)
    coded = encode_photo(model, pixels, setting.gain, keep=True)
    picture = shown_pixels(model, coded.up_to(slices), setting, height, width, ending)
    data = pack_photo(coded, pixels.shape, setting, slices)
    macs = int(coded.macs[:, :slices].sum()) + synthesis_macs(coded.values[0].size, ending)
    mse = float(np.square(picture.astype(np.int64) - pixels).mean())
    return Encoded(data, (), setting.to_number(), picture, macs, mse, scan=False)


@dataclass(frozen=True)
class Choice:
    """What a policy chose for a picture: the gain, how many slices are sent, and the width of the synthesis."""

    gain: int
    slices: int
    width: str


def choose_under_policy(
    policy: Policy,
    strips: list[np.ndarray],
    picture: ColorImage,
    objective: Objective,
    workers: int | None = None,
    keep: bool = False,
) -> tuple[Choice, CodedStrip]:
    """Codes a picture as a policy chooses; what was coded holds all slices, sent or not.

    Args:
        policy: a loaded policy for photographs.
        strips: the picture's coefficients, from `strips_of`.
        picture: what to code.
        objective: what to minimise.
        workers: threads.
        keep: whether to keep the quantised coefficients.

    Raises:
        OptionError: the objective lies outside what policies are trained for.
    """
    check_objective(objective, RATE_RANGE)
    model, pixels = load_photo_model(), picture.pixels[..., 0].size
    goal = Goal(
        np.array([KINDS.index(objective.kind)]), np.array([objective.lambda_rate]), np.array([objective.lambda_compute])
    )
    area = sum(strip[0].size for strip in strips)
    features = photo_features(strips, workers)
    expected = expect(policy.predictor, features[None])
    nothing = nothing_sent(np.array([energy_of(strips)]))[goal.kind, 0]

    def choose(after: Prospect, setting: int, phases: list[int], stops: list[int]) -> list[int]:
        """What the policy does in each of some phases and at some stops."""
        standing = PhotoStanding(np.zeros_like(phases), np.array(phases), np.full_like(phases, setting), np.array(stops))
        same = standing.image
        seen = observe(expected, after.take(same), goal.take(same), standing, nothing[same])
        return np.where(legal_actions(standing.phase), policy.logits(seen), -np.inf).argmax(1).tolist()

    first = np.zeros(1, np.int64)
    # Until it has chosen, what follows a setting does not count, and any will do.
    (setting,) = choose(expected.take(first, first), 0, [SETTING_PHASE], [0])
    coded = encode_photo(model, strips, GAIN_CHOICES[setting], workers=workers, keep=keep, measure=True)
    rate = np.array([8 * coded.payload_bytes(slices) / pixels for slices in STOPS])
    kmac = np.array([coded.macs[:, :slices].sum() for slices in STOPS])[:, None] / MACS_PER_KMAC
    kmac = (kmac + area * synthesis_kmac()) / pixels
    after = expect_after(policy.predictor, features[None, setting], rate[None], kmac[None], known_mse(coded.errors, area)[None])
    # Everything is known by now, so all that could be asked is asked at once.
    most = len(STOPS) - 1
    answers = choose(after, setting, [SLICE_PHASE] * most + [ENDING_PHASE] * (most + 1), [*range(most), *range(most + 1)])
    stop = next((at for at in range(most) if answers[at] == STOP_ACTION), most)
    return Choice(GAIN_CHOICES[setting], STOPS[stop], ENDINGS[answers[most + stop]]), coded


def encode_under_policy(policy: Policy, picture: ColorImage, objective: Objective, workers: int | None = None) -> bytes:
    """Encodes a picture as the policy chooses; arguments and errors as `choose_under_policy`."""
    strips = strips_of(picture.pixels, workers)
    choice, coded = choose_under_policy(policy, strips, picture, objective, workers)
    return pack_photo(coded, picture.pixels.shape, PhotoSetting(choice.gain, choice.width, picture.gray), choice.slices)
