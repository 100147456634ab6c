"""Preset `compact` behind the preset protocol."""

from typing import cast

import numpy as np

from rlcodec.control.actor import decide
from rlcodec.control.decision_process import DecisionProcess, Predictor, ProcessSpec
from rlcodec.control.decode_time import DecodeSample, Work, load_calibration
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import OnnxPolicy, check_objective
from rlcodec.core.container import Header, Stream, unpack
from rlcodec.core.preset_format import MOST_PIXELS
from rlcodec.errors import OptionError
from rlcodec.images.color import read_color
from rlcodec.images.gray import ImageLike
from rlcodec.images.synthetic import colours
from rlcodec.options import DecodeOptions, EncodeOptions
from rlcodec.presets.base import ComparedSettings, Decoded, Encoded, Preset, StreamInfo
from rlcodec.presets.compact import decoder, process
from rlcodec.presets.compact.constrained_search import ChoiceSearch, choice_of
from rlcodec.presets.compact.decode_cost import decode_work, macs_by_tier
from rlcodec.presets.compact.encoder import AnalysedPicture, encode_by_hand
from rlcodec.presets.compact.format import COMPACT
from rlcodec.presets.compact.installed import installed_weights
from rlcodec.presets.compact.measurements import measure_lazily
from rlcodec.presets.compact.options import TIER_NAMES, CompactOptions
from rlcodec.presets.compact.predictor import CompactPredictor
from rlcodec.presets.compact.settings import CompactSettings
from rlcodec.presets.compact.weights import CompactWeights
from rlcodec.presets.policies import policy_of

COMPARED_RATES = (1.0, 1.3, 1.6, 1.9, 2.2, 2.5)
"""log10 of lambda_rate at which evaluations measure policies, in decibels of PSNR."""
CALIBRATION_SIZES = ((64, 128), (192, 256), (256, 384))
"""Heights and widths, in pixels, of the pictures whose decoding is timed."""
CALIBRATION_TIERS = (("table", 1.0), ("context", 1.0), ("context", 1 / 3))
"""Tiers in which each of them is coded, and the share of the latent that is kept."""


class CompactPreset(Preset):
    """The preset."""

    format = COMPACT
    options = CompactOptions
    objectives = process.OBJECTIVES

    # Coding

    def weights(self) -> CompactWeights:
        return installed_weights()

    def encode(self, image: ImageLike, options: EncodeOptions) -> Encoded:
        """Encodes an image: by hand, under a policy, or as is best of all choices under an objective and constraints."""
        given = cast(CompactOptions, options)
        by_hand = given.bit_budget is not None or given.tier is not None
        searches = given.names_objective or bool(given.constraints)
        if given.asks_for_exact_pixels or (searches and by_hand):
            raise OptionError("preset compact is lossy; it takes bit_budget and tier, or an objective, a policy and limits")
        picture = read_color(image, COMPACT, given.max_pixels)
        objective = given.resolve(self.objectives) if given.names_objective else None
        if objective is not None:
            self.process_spec().check_kind(objective.kind)
        calibration = load_calibration() if given.max_decode_ms is not None else None
        source = AnalysedPicture(self.weights(), picture)
        if not searches:
            return encode_by_hand(source, given.bit_budget, given.tier)
        actions: tuple[int, ...] = ()
        if given.policy is not None and objective is not None:
            actions = self._decide(policy_of(self, given.policy), source, objective)
            if not given.constraints:
                return process.encode_actions(source, actions)
        search = ChoiceSearch(source, objective, given.constraints, calibration)
        if actions and search.meets_constraints(choice_of(*process.end_of(actions))):
            return process.encode_actions(source, actions)
        return search.encode(search.best())

    def _decide(self, policy: OnnxPolicy, source: AnalysedPicture, objective: Objective) -> tuple[int, ...]:
        """The actions that a policy chooses."""
        spec = self.process_spec()
        check_objective(objective, spec)
        predictor = cast(CompactPredictor, policy.predictor)
        return decide(process.CompactProcess(spec, measure_lazily(source), predictor), policy, objective)

    def decode(self, stream: Stream, options: DecodeOptions) -> Decoded:
        return decoder.decode_picture(self.weights(), stream)

    def settings(self, header: Header) -> CompactSettings:
        return CompactSettings.from_header(header)

    def mode(self, header: Header) -> str:
        return "L" if self.settings(header).gray else "RGB"

    def decode_work(self, info: StreamInfo) -> Work:
        return decode_work(info.height, info.width, macs_by_tier(info.segments))

    def decode_samples(self) -> list[DecodeSample]:
        """Decodes in both tiers, of whole latents and of a part."""
        return [
            self._decode_sample(height, width, number, tier, kept)
            for number, (height, width) in enumerate(CALIBRATION_SIZES)
            for tier, kept in CALIBRATION_TIERS
        ]

    def _decode_sample(self, height: int, width: int, seed: int, tier: str, kept: float) -> DecodeSample:
        source = AnalysedPicture(self.weights(), read_color(colours(height, width, seed), COMPACT))
        encoded = encode_by_hand(source, int(kept * source.latent.size), tier)
        work = decode_work(height, width, macs_by_tier(encoded.segments))
        return DecodeSample(work, lambda: self.decode(unpack(encoded.data), DecodeOptions()))

    # Decisions

    def process_spec(self) -> ProcessSpec:
        return ProcessSpec(COMPACT.name, self.weights().digest, process.LAYOUT, process.ACTION_NAMES, process.RATE_RANGE)

    def read_predictor(self, text: str) -> CompactPredictor:
        return CompactPredictor.from_json(text)

    def live_process(self, pixels: np.ndarray, predictor: Predictor) -> DecisionProcess:
        """The decision process on one picture, whose distortion is measured over three colours even if it is gray."""
        measurements = measure_lazily(self.analyse_pixels(pixels))
        return process.CompactProcess(self.process_spec(), measurements, cast(CompactPredictor, predictor))

    def encode_actions(self, pixels: np.ndarray, actions: tuple[int, ...], kind: str | None = None) -> Encoded:
        return process.encode_actions(self.analyse_pixels(pixels), actions)

    def analyse_pixels(self, pixels: np.ndarray) -> AnalysedPicture:
        """A picture, uint8 (height, width) or (height, width, 3), ready to be coded."""
        return AnalysedPicture(self.weights(), read_color(pixels, COMPACT, MOST_PIXELS))

    def actions_of(self, stream: Stream) -> tuple[int, ...]:
        return process.actions_of(self.weights(), stream)

    def compared_settings(self, variant: str) -> ComparedSettings:
        """Settings for evaluations; there are no variants."""
        if variant:
            raise OptionError(f"preset compact has no variant {variant!r}")
        return ComparedSettings({f"tier {tier}": {"tier": tier} for tier in TIER_NAMES}, "psnr", COMPARED_RATES)


PRESET = CompactPreset()
