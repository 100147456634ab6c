"""Encoding a photograph: at a gain, under a policy, or as the actions of an episode say."""

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
from rlcodec.presets.photo.coefficient_coder import SLICE_COUNT
from rlcodec.presets.photo.decisions import GAIN_CHOICES
from rlcodec.presets.photo.decoder import decode_picture, synthesis_macs
from rlcodec.presets.photo.format import PHOTO
from rlcodec.presets.photo.measurements import LivePicture
from rlcodec.presets.photo.process import Choice, PhotoProcess, choice_of_actions
from rlcodec.presets.photo.settings import PhotoSettings
from rlcodec.presets.photo.strips import CodedPicture, encode_photo
from rlcodec.presets.photo.transform import padded_size
from rlcodec.presets.photo.weights import PhotoWeights


def stream_of(weights: PhotoWeights, coded: CodedPicture, picture: ColorImage, choice: Choice) -> Encoded:
    """The stream of a picture that was coded at a gain.

    Args:
        weights: of the preset.
        coded: at the choice's gain.
        picture: the original.
        choice: gain, number of slices that are sent, and synthesis.
    """
    height, width = picture.pixels.shape[:2]
    settings, payload = PhotoSettings(choice.gain, choice.synthesis, picture.gray), coded.payload(choice.slices)
    data = pack(PHOTO, weights.fingerprint, height, width, settings.to_number(), payload)
    macs = int(coded.macs[:, : choice.slices].sum())
    return Encoded(
        data=data,
        settings=settings,
        segments=coded.coded_segments(choice.slices),
        bits=8.0 * len(payload),
        decoder_macs=macs + synthesis_macs(int(np.prod(padded_size(height, width))), choice.synthesis),
        original=picture.original,
        show=lambda: decode_picture(weights, unpack(data, MOST_PIXELS)).picture,
    )


def encode_at_gain(
    weights: PhotoWeights, picture: ColorImage, gain: int, synthesis: str, workers: int | None = None
) -> Encoded:
    """Encodes all slices of a picture.

    Args:
        weights: of the preset.
        picture: the original.
        gain: index of the quantiser's step, 0 the finest.
        synthesis: one of `rlcodec.presets.photo.repair.WIDTHS`.
        workers: threads; as many as there are cores if None.
    """
    coded = encode_photo(weights, picture.pixels, gain, workers=workers)
    return stream_of(weights, coded, picture, Choice(gain, SLICE_COUNT, synthesis))


def encode_actions(weights: PhotoWeights, picture: ColorImage, actions: Iterable[int]) -> Encoded:
    """Encodes a picture as the legal actions of an episode say; if they end early, it stops there, without repair."""
    choice = choice_of_actions(actions)
    return stream_of(weights, encode_photo(weights, picture.pixels, choice.gain), picture, choice)


class PolicyEncoder:
    """Encodes one picture under a policy; what was coded at a gain is kept for further objectives.

    Args:
        weights: of the preset.
        spec: of the decision process.
        policy: makes the decisions.
        picture: the original.
        workers: threads; as many as there are cores if None.
        keep: whether the quantised coefficients are kept, so that the picture can be rendered without decoding.
    """

    def __init__(
        self,
        weights: PhotoWeights,
        spec: ProcessSpec,
        policy: OnnxPolicy,
        picture: ColorImage,
        workers: int | None = None,
        keep: bool = False,
    ):
        self.policy, self.picture = policy, picture
        self.live = LivePicture(weights, picture.pixels, workers, keep)
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
        return choice, self.live.coded[GAIN_CHOICES.index(choice.gain)]

    def encode(self, objective: Objective, synthesis: str | None = None) -> Encoded:
        """Encodes as the policy decides; arguments and errors as `choose`, and a synthesis instead of the policy's choice."""
        choice, coded = self.choose(objective)
        return stream_of(self.live.weights, coded, self.picture, choice.with_synthesis(synthesis))
