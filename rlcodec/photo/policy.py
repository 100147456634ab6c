"""Encoding a photograph under a policy, or as an episode chose."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcodec.color_images import ColorImage
from rlcodec.encoding import Encoded
from rlcodec.objective import COMPUTE_RANGE, KINDS, Objective
from rlcodec.observation import Goal
from rlcodec.photo.codec import CodedStrip, encode_photo, strips_of
from rlcodec.photo.model import load_photo_model
from rlcodec.photo.planning import (
    ENDING_PHASE,
    ENDINGS,
    GAIN_CHOICES,
    LAYOUT,
    RATE_RANGE,
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
from rlcodec.photo.raster import SLICE_COUNT
from rlcodec.photo.stream import PhotoSetting, shown_pixels, synthesis_macs
from rlcodec.policy import FORMAT, Policy, check_objective
from rlcodec.presets import PHOTO
from rlcodec.segments import MACS_PER_KMAC
from rlcodec.stream import pack


def describe_photo() -> dict[str, Any]:
    """What a policy for photographs must agree with: layout, actions, objectives, digest."""
    return {
        "format": FORMAT,
        "preset": PHOTO.name,
        "codec_digest": load_photo_model().digest,
        "observation": [{"name": n, "length": k, "unit": unit} for n, k, unit in LAYOUT],
        "actions": {
            "first": [f"gain {gain}" for gain in GAIN_CHOICES],
            "later": ["stop", "go on"],
            "stops": [f"after {slices} slices" for slices in STOPS],
            "last": [f"synthesis {ending}" for ending in ENDINGS],
        },
        "objectives": {
            "kinds": list(KINDS),
            "log10_lambda_rate": {kind: list(RATE_RANGE[kind]) for kind in KINDS},
            "log10_lambda_compute_over_lambda_rate": list(COMPUTE_RANGE),
        },
    }


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
    standing = PhotoStanding(*(np.zeros(1, np.int64) for _ in range(4)))
    nothing = nothing_sent(np.array([energy_of(strips)]))[goal.kind, 0]

    def choose(after: Prospect) -> int:
        seen = observe(expected, after, goal, standing, nothing)
        legal = legal_actions(standing.phase)[0]
        return int(np.where(legal, policy.logits(seen)[0], -np.inf).argmax())

    first = np.zeros(1, np.int64)
    setting = choose(expected.take(first, first))  # whose place is filled, and does not count yet
    coded = encode_photo(model, strips, GAIN_CHOICES[setting], workers=workers, keep=keep, measure=True)
    rate = np.array([8 * coded.payload_bytes(slices) / pixels for slices in STOPS])
    kmac = np.array([coded.macs[:, :slices].sum() for slices in STOPS])[:, None] / MACS_PER_KMAC
    kmac = (kmac + area * synthesis_kmac()) / pixels
    after = expect_after(policy.predictor, features[None, setting], rate[None], kmac[None], known_mse(coded.errors, area)[None])
    standing.setting[0], standing.phase[0] = setting, SLICE_PHASE
    while standing.stop[0] < len(STOPS) - 1 and choose(after) != STOP_ACTION:
        standing.stop[0] += 1
    standing.phase[0] = ENDING_PHASE
    return Choice(GAIN_CHOICES[setting], STOPS[standing.stop[0]], ENDINGS[choose(after)]), coded


def encode_under_policy(policy: Policy, picture: ColorImage, objective: Objective, workers: int | None = None) -> bytes:
    """Encodes a picture as the policy chooses; arguments and errors as `choose_under_policy`."""
    strips = strips_of(picture.pixels, workers)
    choice, coded = choose_under_policy(policy, strips, picture, objective, workers)
    return pack_photo(coded, picture.pixels.shape, PhotoSetting(choice.gain, choice.width, picture.gray), choice.slices)
