"""Preset `raster`: pictures of any size in gray or colour, with or without alpha, lossless or with bounded errors."""

from typing import cast

import numpy as np

from rlcodec.control.actor import decide
from rlcodec.control.constraints import Candidate
from rlcodec.control.decision_process import DecisionProcess, Predictor, ProcessSpec
from rlcodec.core.container import Header, Stream
from rlcodec.core.preset_format import MOST_PIXELS
from rlcodec.errors import MisfitError, OptionError
from rlcodec.images.exact import read_exact
from rlcodec.images.gray import ImageLike
from rlcodec.options import DecodeOptions, EncodeOptions
from rlcodec.presets.base import ComparedSettings, Decoded, Encoded, Preset
from rlcodec.presets.policies import policy_of
from rlcodec.presets.raster.coding import decode_stream, encode_picture, shown
from rlcodec.presets.raster.format import RASTER
from rlcodec.presets.raster.installed import installed_weights
from rlcodec.presets.raster.options import RasterOptions
from rlcodec.presets.raster.process import (
    OBJECTIVES,
    RasterPredictor,
    RasterProcess,
    features_of,
    measured,
    spec_of,
)
from rlcodec.presets.raster.settings import MOST_ERROR, PREDICTORS, RasterSettings, check_predictor
from rlcodec.presets.raster.strips import FIRST_SHADE, repeating_share
from rlcodec.presets.raster.weights import RasterWeights

COMPARED_LOG10_RATES = (1.0, 2.0)


class RasterPreset(Preset):
    """The preset; see `rlcodec.presets.base.Preset` for its methods."""

    format = RASTER
    options = RasterOptions
    objectives = OBJECTIVES
    exact_pixels = True

    def weights(self) -> RasterWeights:
        return installed_weights()

    def read_pixels(self, image: ImageLike, options: EncodeOptions) -> np.ndarray:
        return shown(read_exact(image, RASTER, options.max_pixels))

    def encode(self, image: ImageLike, options: EncodeOptions) -> Encoded:
        """Encodes an image: by a named predictor, by the one that a policy chooses, or within constraints."""
        given = cast(RasterOptions, options)
        limits = given.constraints
        if limits.max_decode_ms is not None:
            raise OptionError("preset raster does not limit decoding time; predictor table is its fastest")
        if given.max_error and (given.asks_for_exact_pixels or limits):
            raise OptionError("give either max_error, or lossless and constraints")
        if limits and given.names_objective and not given.asks_for_exact_pixels:
            raise OptionError("give either an objective or constraints")
        picture = read_exact(image, RASTER, given.max_pixels)
        if limits:
            return self._encode_within(picture, given)
        predictor = given.predictor
        if given.names_objective and not given.asks_for_exact_pixels:
            policy = policy_of(self, given.policy)
            process = self.live_process(picture, policy.predictor)
            predictor = PREDICTORS[decide(process, policy, given.resolve(OBJECTIVES))[0]]
        return encode_picture(self.weights(), picture, predictor, given.max_error, given.workers)

    def _encode_within(self, picture: np.ndarray, options: RasterOptions) -> Encoded:
        """Encodes a picture within constraints, with the least error that they allow, or the smallest stream."""
        limits, tried = options.constraints, []
        for error in range(1 if options.asks_for_exact_pixels else 1 + MOST_ERROR):
            encoded = encode_picture(self.weights(), picture, options.predictor, error, options.workers)
            tried.append(Candidate(len(encoded.data), encoded.psnr_db, 0.0, encoded))
            if limits.min_psnr is None and limits.met_by(tried[-1]):
                break
        best = limits.best(tried, lambda candidate: limits.sort_key(candidate, ()))
        if best is None:
            raise limits.refusal(tried)
        return best.source

    def decode(self, stream: Stream, options: DecodeOptions) -> Decoded:
        return decode_stream(self.weights(), stream, options.workers)

    def settings(self, header: Header) -> RasterSettings:
        return RasterSettings.from_number(header.settings)

    def mode(self, header: Header) -> str:
        return self.settings(header).mode

    def process_spec(self) -> ProcessSpec:
        return spec_of(self.weights().digest)

    def read_predictor(self, text: str) -> RasterPredictor:
        return RasterPredictor.from_json(text)

    def live_process(self, pixels: np.ndarray, predictor: Predictor) -> DecisionProcess:
        """As `Preset.live_process`; the picture is coded by all predictors."""
        picture = read_exact(pixels, RASTER, MOST_PIXELS)
        coded = [encode_picture(self.weights(), picture, name) for name in PREDICTORS]
        bits, macs = [one.bits for one in coded], [one.decoder_macs for one in coded]
        features = features_of(picture, repeating_share(picture))
        original = shown(picture)
        measurements = measured(picture, features, bits, macs, original, self.show_nothing(original))
        return RasterProcess(self.process_spec(), measurements, cast(RasterPredictor, predictor))

    def encode_actions(self, pixels: np.ndarray, actions: tuple[int, ...], kind: str | None = None) -> Encoded:
        """As `Preset.encode_actions`; the action chooses the predictor and cannot be left out."""
        if len(actions) != 1 or not 0 <= actions[0] < len(PREDICTORS):
            raise MisfitError(f"actions {list(actions)}, which no episode of preset raster takes")
        return encode_picture(self.weights(), read_exact(pixels, RASTER, MOST_PIXELS), PREDICTORS[actions[0]])

    def show_nothing(self, pixels: np.ndarray) -> np.ndarray:
        return np.full(pixels.shape, FIRST_SHADE, np.uint8)

    def actions_of(self, stream: Stream) -> tuple[int, ...]:
        settings = self.settings(stream.header)
        if settings.max_error:
            raise MisfitError("no action allows errors")
        return (settings.tier,)

    def compared_settings(self, variant: str) -> ComparedSettings:
        """As `Preset.compared_settings`; a variant is the name of a predictor."""
        if variant:
            check_predictor(variant)
        named = {"predictor": variant} if variant else {}
        settings = {f"error {error}": {"max_error": error, **named} for error in range(MOST_ERROR, -1, -1)}
        return ComparedSettings(settings, "mse", COMPARED_LOG10_RATES)


PRESET = RasterPreset()
