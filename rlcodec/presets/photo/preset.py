"""Preset `photo`: photographs and other pictures in colour or gray, lossy, of any size."""

from typing import cast

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, Predictor, ProcessSpec
from rlcodec.control.decode_time import DecodeSample, Work, load_calibration
from rlcodec.core.container import Header, Stream
from rlcodec.core.preset_format import MOST_PIXELS
from rlcodec.errors import MisfitError, OptionError
from rlcodec.images.color import read_color
from rlcodec.images.gray import ImageLike
from rlcodec.options import DecodeOptions, EncodeOptions
from rlcodec.presets.base import ComparedSettings, Decoded, Encoded, Preset, StreamInfo
from rlcodec.presets.photo.coding import allocation_for
from rlcodec.presets.photo.constrained_search import DEFAULT_SYNTHESIS, ConstrainedSearch
from rlcodec.presets.photo.decisions import (
    ACTION_NAMES,
    DEFAULT_KIND,
    ENDINGS,
    GAIN_CHOICES,
    KINDS,
    LAYOUT,
    OBJECTIVES,
    OBJECTIVES_OF,
    RATE_RANGE,
    STOPS,
)
from rlcodec.presets.photo.decode_cost import decode_samples, decode_work
from rlcodec.presets.photo.decoder import decode_picture
from rlcodec.presets.photo.encoder import PolicyEncoder, encode_actions, encode_at_gain
from rlcodec.presets.photo.format import PHOTO
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.measurements import MIDDLE_GRAY, LivePicture
from rlcodec.presets.photo.options import PhotoDecodeOptions, PhotoOptions
from rlcodec.presets.photo.predictor import PhotoPredictor
from rlcodec.presets.photo.process import PhotoProcess, actions_of_choice
from rlcodec.presets.photo.quantiser import GAINS
from rlcodec.presets.photo.settings import PhotoSettings, check_synthesis
from rlcodec.presets.photo.strips import unpack_segments
from rlcodec.presets.photo.transform import SLICES
from rlcodec.presets.photo.weights import PhotoWeights
from rlcodec.presets.policies import policy_of

COMPARED_GAINS = (40, 100, 160, 220, 280, 340)
COMPARED_LOG10_RATES = (0.9, 1.2, 1.5, 1.75, 2.0, 2.3)
"""Gains, and log10 of lambda_rate of objectives in SSIMULACRA2, that evaluations measure."""
FINE_GAINS = tuple(range(GAINS - 1, -1, -4))
"""Gains that searches by size or quality try, from coarse to fine: files of neighbours differ by a few per cent."""


class PhotoPreset(Preset):
    """The preset; see `rlcodec.presets.base.Preset` for its methods."""

    format = PHOTO
    options = PhotoOptions
    decode_options = PhotoDecodeOptions
    objectives = OBJECTIVES

    def weights(self) -> PhotoWeights:
        return installed_weights()

    def encode(self, image: ImageLike, options: EncodeOptions) -> Encoded:
        """Encodes an image: at a gain, under an objective, within constraints, or both of these; see `Preset.encode`."""
        options = cast(PhotoOptions, options)
        if options.asks_for_exact_pixels:
            raise OptionError("preset photo is lossy; it takes gain, an objective and a policy, constraints, and synthesis")
        if options.gain is not None and (options.constraints or options.names_objective):
            raise OptionError("give either gain, or an objective and constraints")
        by_objective = options.names_objective or not options.constraints
        objective = options.resolve(OBJECTIVES_OF[options.kind]) if by_objective else None
        picture = read_color(image, PHOTO, options.max_pixels, keep_alpha=True)
        if options.gain is not None:
            synthesis = options.synthesis or DEFAULT_SYNTHESIS
            allocation = allocation_for(options.kind, options.aq_strength)
            return encode_at_gain(
                self.weights(),
                picture,
                options.gain,
                allocation,
                synthesis,
                options.workers,
                options.predictor,
                options.raster_areas,
            )
        calibration = load_calibration() if options.max_decode_ms is not None else None
        policy, keep = policy_of(self, options.policy), options.min_psnr is not None
        strength = options.aq_strength
        encoder = PolicyEncoder(
            self.weights(),
            self.process_spec(),
            policy,
            picture,
            options.workers,
            keep,
            strength,
            options.predictor,
            options.raster_areas,
        )
        if objective is not None and not options.constraints:
            return encoder.encode(objective, options.synthesis)
        search = ConstrainedSearch(encoder, options.constraints, calibration, options.kind)
        return search.encode(objective, options.synthesis)

    def decode(self, stream: Stream, options: DecodeOptions) -> Decoded:
        options = cast(PhotoDecodeOptions, options)
        return decode_picture(self.weights(), stream, options.synthesis, options.workers)

    def settings(self, header: Header) -> PhotoSettings:
        return PhotoSettings.from_number(header.settings)

    def mode(self, header: Header) -> str:
        settings = self.settings(header)
        return ("L" if settings.gray else "RGB") + ("A" if settings.alpha else "")

    def decode_work(self, info: StreamInfo) -> Work:
        return decode_work((info.height, info.width), info.segments, cast(PhotoSettings, info.settings).synthesis)

    def decode_samples(self) -> list[DecodeSample]:
        return decode_samples(self.weights())

    def process_spec(self) -> ProcessSpec:
        return ProcessSpec(PHOTO.name, self.weights().digest, LAYOUT, ACTION_NAMES, RATE_RANGE, KINDS)

    def read_predictor(self, text: str) -> PhotoPredictor:
        return PhotoPredictor.from_json(text)

    def live_process(self, pixels: np.ndarray, predictor: Predictor) -> DecisionProcess:
        """As `Preset.live_process`; costs and quality of a gain are measured when they are first needed."""
        picture = read_color(pixels, PHOTO, MOST_PIXELS)
        live = LivePicture(self.weights(), picture.pixels, scored=True)
        return PhotoProcess(self.process_spec(), live, cast(PhotoPredictor, predictor))

    def encode_actions(self, pixels: np.ndarray, actions: tuple[int, ...], kind: str | None = None) -> Encoded:
        """As `Preset.encode_actions`; the first action chooses the gain and cannot be left out.

        Bits are allocated for the kind of distortion.
        """
        allocation = allocation_for(kind or DEFAULT_KIND, 1.0)
        return encode_actions(self.weights(), read_color(pixels, PHOTO, MOST_PIXELS), actions, allocation)

    def show_nothing(self, pixels: np.ndarray) -> np.ndarray:
        return np.full(pixels.shape, MIDDLE_GRAY, np.uint8)

    def actions_of(self, stream: Stream) -> tuple[int, ...]:
        """As `Preset.actions_of`; if the last slices are empty, the actions are those that stop before them."""
        settings = self.settings(stream.header)
        if settings.gain not in GAIN_CHOICES:
            raise MisfitError(f"no action chooses gain {settings.gain}")
        parts = unpack_segments(stream.payload, stream.header.height, settings.alpha)[1 + settings.alpha :]
        lengths = [length for _, length in parts]
        strips = len(lengths) // SLICES
        slices = 1 + max((i // strips for i, length in enumerate(lengths) if length), default=-1)
        stop = next(k for k, count in enumerate(STOPS) if count >= slices)
        return actions_of_choice(GAIN_CHOICES.index(settings.gain), stop, ENDINGS.index(settings.synthesis))

    def compared_settings(self, variant: str) -> ComparedSettings:
        """As `Preset.compared_settings`; a variant is the name of a synthesis."""
        check_synthesis(variant or None)
        synthesis = {"synthesis": variant} if variant else {}
        coarse_to_fine = {f"gain {gain}": {"gain": gain, **synthesis} for gain in FINE_GAINS}
        fixed = {f"gain {gain}": {"gain": gain, **synthesis} for gain in COMPARED_GAINS}
        return ComparedSettings(fixed, DEFAULT_KIND, COMPARED_LOG10_RATES, coarse_to_fine)


PRESET = PhotoPreset()
