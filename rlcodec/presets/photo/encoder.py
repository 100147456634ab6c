"""Encoding a photograph: at a gain, under a policy, or as the actions of an episode say."""

import functools
from collections.abc import Iterable

import numpy as np

from rlcodec.control.actor import decide
from rlcodec.control.decision_process import ProcessSpec
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import OnnxPolicy, check_objective
from rlcodec.core.container import pack, unpack
from rlcodec.core.preset_format import MOST_PIXELS
from rlcodec.images.color import ColorImage
from rlcodec.presets.base import Encoded
from rlcodec.presets.photo.allocation import Allocation
from rlcodec.presets.photo.alpha import encode_alpha
from rlcodec.presets.photo.coding import PictureCoder, settings_for
from rlcodec.presets.photo.decisions import ALLOCATION_OF, GAIN_CHOICES, KINDS
from rlcodec.presets.photo.decoder import decode_picture, synthesis_macs
from rlcodec.presets.photo.format import PHOTO
from rlcodec.presets.photo.measurements import LivePicture
from rlcodec.presets.photo.process import Choice, PhotoProcess, choice_of_actions
from rlcodec.presets.photo.settings import DEFAULT_PREDICTOR, PhotoSettings
from rlcodec.presets.photo.strips import CodedPicture
from rlcodec.presets.photo.transform import SLICES, padded_size
from rlcodec.presets.photo.weights import PhotoWeights


def stream_of(
    weights: PhotoWeights, coded: CodedPicture, picture: ColorImage, allocation: Allocation, choice: Choice
) -> Encoded:
    """The stream of a picture that was coded at a gain.

    Args:
        weights: of the preset.
        coded: at the choice's gain, under the allocation.
        picture: the original.
        allocation: of bits.
        choice: gain, number of slices that are sent, and synthesis.
    """
    height, width = picture.pixels.shape[:2]
    settings = settings_for(choice.gain, allocation, choice.synthesis, picture.gray, picture.alpha is not None)
    payload = coded.payload(choice.slices, _alpha_of(picture, coded.tier))
    data = pack(PHOTO, weights.fingerprint, height, width, settings.to_number(), payload)
    macs = int(coded.macs[:, : choice.slices].sum())
    return Encoded(
        data=data,
        settings=settings,
        segments=coded.coded_segments(choice.slices),
        bits=8.0 * len(payload),
        decoder_macs=macs + synthesis_macs(int(np.prod(padded_size(height, width))), choice.synthesis),
        original=picture.original,
        show=lambda: without_alpha(decode_picture(weights, unpack(data, MOST_PIXELS)).picture, settings),
    )


@functools.lru_cache(maxsize=1)
def _alpha_of(picture: ColorImage, tier: int) -> bytes | None:
    """The coded alpha plane of a picture, once for all trials."""
    return None if picture.alpha is None else encode_alpha(picture.alpha, tier)


def without_alpha(pixels: np.ndarray, settings: PhotoSettings) -> np.ndarray:
    """Decoded pixels without their alpha channel, as `ColorImage.original`."""
    if not settings.alpha:
        return pixels
    return pixels[..., 0] if settings.gray else pixels[..., :-1]


def encode_at_gain(
    weights: PhotoWeights,
    picture: ColorImage,
    gain: int,
    allocation: Allocation,
    synthesis: str,
    workers: int | None = None,
    predictor: str = DEFAULT_PREDICTOR,
    raster_areas: bool = True,
) -> Encoded:
    """Encodes all slices of a picture.

    Args:
        weights: of the preset.
        picture: the original.
        gain: index of the quantiser's step, 0 the finest.
        allocation: of bits.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.
        workers: threads; as many as there are cores if None.
        predictor: one of `rlcodec.presets.photo.settings.PREDICTORS`.
        raster_areas: whether the raster-encoder may code areas.
    """
    coded = PictureCoder(weights, picture.pixels, workers, predictor, raster_areas).code(gain, allocation)
    return stream_of(weights, coded, picture, allocation, Choice(gain, SLICES, synthesis))


def encode_actions(weights: PhotoWeights, picture: ColorImage, actions: Iterable[int], allocation: Allocation) -> Encoded:
    """Encodes a picture as the legal actions of an episode say; if they end early, it stops there, without repair."""
    choice = choice_of_actions(actions)
    coded = PictureCoder(weights, picture.pixels).code(choice.gain, allocation)
    return stream_of(weights, coded, picture, allocation, choice)


class PolicyEncoder:
    """Encodes one picture under a policy; what was coded at a gain is kept for further objectives.

    Args:
        weights: of the preset.
        spec: of the decision process.
        policy: makes the decisions.
        picture: the original.
        workers: threads; as many as there are cores if None.
        keep: whether the quantised areas are kept, so that the picture can be rendered without decoding.
        aq_strength: factor of the strength of adaptive quantisation.
        predictor: one of `rlcodec.presets.photo.settings.PREDICTORS`.
        raster_areas: whether the raster-encoder may code areas.
    """

    def __init__(
        self,
        weights: PhotoWeights,
        spec: ProcessSpec,
        policy: OnnxPolicy,
        picture: ColorImage,
        workers: int | None = None,
        keep: bool = False,
        aq_strength: float = 1.0,
        predictor: str = DEFAULT_PREDICTOR,
        raster_areas: bool = True,
    ):
        self.policy, self.picture = policy, picture
        self.live = LivePicture(
            weights, picture.pixels, workers, keep, aq_strength=aq_strength, predictor=predictor, raster_areas=raster_areas
        )
        self.process = PhotoProcess(spec, self.live, policy.predictor)  # type: ignore[arg-type]

    def choose(self, objective: Objective) -> tuple[Choice, CodedPicture]:
        """What the policy decides, and the picture coded at the gain that it chose, with all slices.

        Args:
            objective: what to minimise.

        Raises:
            OptionError: policies are not trained for the objective.
        """
        check_objective(objective, self.process.spec)
        choice = choice_of_actions(decide(self.process, self.policy, objective))
        return choice, self.live.coded[int(ALLOCATION_OF[KINDS.index(objective.kind)]), GAIN_CHOICES.index(choice.gain)]

    def encode(self, objective: Objective, synthesis: str | None = None) -> Encoded:
        """Encodes as the policy decides; arguments and errors as `choose`, and a synthesis instead of the policy's choice."""
        choice, coded = self.choose(objective)
        allocation = self.live.allocation(objective.kind)
        return stream_of(self.live.weights, coded, self.picture, allocation, choice.with_synthesis(synthesis))
