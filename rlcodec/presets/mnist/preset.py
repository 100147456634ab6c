"""Preset `mnist`: small 8-bit gray images, coded as binary latents of an auto-encoder and by a raster-encoder."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from rlcodec.control.decision_process import Predictor, ProcessSpec
from rlcodec.control.decode_time import DecodeSample, Work, load_calibration
from rlcodec.core.container import Header, Stream, pack
from rlcodec.core.segment_choice import CONTEXT, LM, STOP, TABLE, TIERS
from rlcodec.core.segments import describe_tiers
from rlcodec.errors import MisfitError, OptionError, StreamError
from rlcodec.images.gray import ImageLike, read_gray
from rlcodec.options import DecodeOptions, EncodeOptions
from rlcodec.presets.base import ComparedSettings, Decoded, Encoded, Preset, StreamInfo
from rlcodec.presets.mnist import decisions
from rlcodec.presets.mnist.batch import digit_coder
from rlcodec.presets.mnist.calibration_samples import decode_samples
from rlcodec.presets.mnist.constrained_search import ConstrainedSearch
from rlcodec.presets.mnist.decode_cost import decode_work
from rlcodec.presets.mnist.encoder import constant_choices, encode_with
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.live import encode_under_policy, live_process
from rlcodec.presets.mnist.objectives import NAMED
from rlcodec.presets.mnist.options import MnistOptions
from rlcodec.presets.mnist.predictor import MnistPredictor
from rlcodec.presets.mnist.process import MnistProcess
from rlcodec.presets.mnist.segments import BUDGET_SLICES, bits_per_slice
from rlcodec.presets.mnist.session import Session, start_session
from rlcodec.presets.mnist.settings import MnistSettings
from rlcodec.presets.mnist.weights import MnistWeights
from rlcodec.presets.policies import policy_of

GRAY_MODES = ("1", "L")
BY_SOURCE = "by_bilevel_source"
"""Key of `Decoded.details`: whether rows of pixels were coded by way of the bilevel source that the digit was resampled
from."""
DEVICE_OPTIONS = {"tier", "bit_budget", "rows"}
COMPARED_BIT_BUDGETS = (49, 98, 196, 392)
PARTS = "parts"
PART_SETTINGS: dict[str, dict[str, Any]] = {
    **{f"auto-encoder alone: {bits} bits": {"bit_budget": bits, "rows": 0} for bits in (*COMPARED_BIT_BUDGETS, 784)},
    **{f"raster-encoder alone: {rows} rows": {"bit_budget": 0, "rows": rows} for rows in (10, 14, 18)},
    **{f"raster-encoder alone: lossless, {tier}": {"tier": tier} for tier in TIERS},
    **{f"both: {bits} bits, {rows} rows": {"bit_budget": bits, "rows": rows} for bits, rows in ((49, 14), (98, 14), (98, 18))},
    **{f"both, by the policy: {name}": {"objective": name} for name in NAMED},
}
"""Settings of the comparison in "Efficient Image Compression", whose codec has two parts."""


class MnistPreset(Preset):
    """Small gray images such as MNIST's digits."""

    format = MNIST
    options = MnistOptions
    objectives = NAMED
    images_at_once = 256
    exact_pixels = True

    def weights(self) -> MnistWeights:
        return installed_weights()

    def encode(self, image: ImageLike, options: EncodeOptions) -> Encoded:
        options = cast(MnistOptions, options)
        weights, pixels = self.weights(), self.read_pixels(image, options)
        calibration = load_calibration() if options.max_decode_ms is not None else None
        if options.asks_for_exact_pixels:
            if options.constraints:
                return ConstrainedSearch(weights, pixels, options.constraints, calibration).encode_lossless()
            return encode_with(weights, pixels, 0, constant_choices(CONTEXT))
        if options.fixes_decisions:
            tier = TIERS.index(options.tier or TIERS[CONTEXT])
            return encode_with(weights, pixels, options.bit_budget or 0, constant_choices(tier, options.rows))
        objective = options.resolve(self.objectives)
        policy = policy_of(self, options.policy)
        if options.constraints:
            return ConstrainedSearch(weights, pixels, options.constraints, calibration).encode(policy, objective)
        return encode_under_policy(policy, weights, pixels, objective)

    def decode(self, stream: Stream, options: DecodeOptions) -> Decoded:
        session = start_session(self.weights(), stream)
        session.run_all()
        return _decoded(session, stream)

    def read_pixels(self, image: ImageLike, options: EncodeOptions) -> np.ndarray:
        """The pixels of an image, uint8 (height, width); raises ImageError if it is not 8-bit gray, or too large."""
        return read_gray(image, MNIST, options.max_pixels)

    def suits(self, mode: str, size: tuple[int, int]) -> bool:
        """Whether images of a mode of Pillow's and a size are small and gray."""
        return mode in GRAY_MODES and super().suits(mode, size)

    def settings(self, header: Header) -> MnistSettings:
        return MnistSettings.of(header, self.weights())

    def mode(self, header: Header) -> str:
        return "L"

    def decode_work(self, info: StreamInfo) -> Work:
        bit_budget = cast(MnistSettings, info.settings).bit_budget
        return decode_work(self.weights(), (info.height, info.width), bit_budget, info.segments, info.details[BY_SOURCE])

    def decode_samples(self) -> Sequence[DecodeSample]:
        return decode_samples(self.weights())

    def pack_batch(self, images: Sequence[np.ndarray]) -> list[bytes]:
        """Lossless streams in the fastest tier, many digits of one size at a time; see `Preset.pack_batch`."""
        streams, sizes = [b""] * len(images), dict[tuple[int, ...], list[int]]()
        for at, image in enumerate(images):
            sizes.setdefault(image.shape, []).append(at)
        for (height, width), places in sizes.items():
            payloads = digit_coder(height, width).encode(np.stack([images[at] for at in places]), TABLE)
            for at, payload in zip(places, payloads, strict=True):
                streams[at] = pack(MNIST, self.weights().fingerprint, height, width, MnistSettings(0).to_number(), payload)
        return streams

    def decode_batch(self, streams: Sequence[Stream], options: DecodeOptions) -> list[np.ndarray | StreamError]:
        """Pictures of several whole streams; lossless ones without latents are decoded many at a time."""
        pictures: list[np.ndarray | StreamError | None] = [None] * len(streams)
        sizes: dict[tuple[int, int], list[int]] = {}
        for at, stream in enumerate(streams):
            header = stream.header
            if not header.settings and header.fingerprint == self.weights().fingerprint:
                sizes.setdefault((header.height, header.width), []).append(at)
        for size, places in sizes.items():
            decoded = digit_coder(*size).decode([streams[at].payload.tobytes() for at in places])
            for at, picture in zip(places, decoded, strict=True):
                pictures[at] = picture
        others = iter(super().decode_batch([streams[at] for at, p in enumerate(pictures) if p is None], options))
        return [next(others) if picture is None else picture for picture in pictures]

    def encode_on_device(self, images: Sequence[ImageLike], options: EncodeOptions, device: str) -> list[bytes]:
        """Streams of several images in tier `lm`, whose network runs on a device; the same bytes as without.

        Args:
            images: as `encode` takes them.
            options: a `MnistOptions` with tier "lm", and `bit_budget` and `rows` if wanted.
            device: as torch names it.

        Raises:
            OptionError: other options are given, or torch has no such device.
        """
        options = cast(MnistOptions, options)
        if options.tier != TIERS[LM] or set(options.given()) - DEVICE_OPTIONS:
            raise OptionError(f"a device is for tier {TIERS[LM]}, with bit_budget and rows; other tiers run on the processor")
        from rlcodec.presets.mnist.torch_batch import encode_batch

        pixels = [self.read_pixels(image, options) for image in images]
        encoded = encode_batch(self.weights(), pixels, device, options.bit_budget or 0, options.rows)
        return [result.data for result in encoded]

    def decode_on_device(self, streams: Sequence[Stream], options: DecodeOptions, device: str) -> list[Decoded]:
        """Decodes several streams with the network of tier `lm` run on a device; raises OptionError if torch has no such."""
        from rlcodec.presets.mnist.torch_batch import decode_batch

        sessions = decode_batch(self.weights(), streams, device)
        return [_decoded(session, stream) for session, stream in zip(sessions, streams, strict=True)]

    def process_spec(self) -> ProcessSpec:
        return decisions.process_spec(self.weights().digest)

    def read_predictor(self, text: str) -> MnistPredictor:
        return MnistPredictor.from_json(text)

    def live_process(self, pixels: np.ndarray, predictor: Predictor) -> MnistProcess:
        return live_process(self.weights(), pixels, cast(MnistPredictor, predictor))

    def encode_actions(self, pixels: np.ndarray, actions: tuple[int, ...], kind: str | None = None) -> Encoded:
        budget, *later = actions or (0,)
        bit_budget = BUDGET_SLICES[budget] * bits_per_slice(*pixels.shape)
        choices = [decisions.choice_of(action) for action in later]
        return encode_with(self.weights(), pixels, bit_budget, lambda _: [*choices, STOP])

    def actions_of(self, stream: Stream) -> tuple[int, ...]:
        session = start_session(self.weights(), stream)
        per_slice = bits_per_slice(*session.image.shape)
        if session.bit_budget % per_slice or session.bit_budget // per_slice not in BUDGET_SLICES:
            raise MisfitError(f"the stream keeps {session.bit_budget} latent bits, which no action stands for")
        segments = session.run_all()
        if stream.truncated or not all(segment.complete for segment in segments):
            raise MisfitError("the stream is cut, so that its actions are not known")
        budget = BUDGET_SLICES.index(session.bit_budget // per_slice)
        return budget, *(decisions.action_of(segment.tier) for segment in segments)

    def compared_settings(self, variant: str) -> ComparedSettings:
        """Settings for evaluations; variant "parts" has more of them, by the parts of the codec that they use."""
        if variant not in ("", PARTS):
            raise OptionError(f"preset {self.name} has no variant {variant!r}, only {PARTS!r}")
        fixed: dict[str, dict[str, Any]] = {f"{bits} bits": {"bit_budget": bits, "rows": 0} for bits in COMPARED_BIT_BUDGETS}
        fixed |= {f"lossless, {tier}": {"tier": tier} for tier in TIERS}
        return ComparedSettings(PART_SETTINGS if variant else fixed, "psnr", (1.6, 1.75, 1.9, 2.05, 2.2))


def _decoded(session: Session, stream: Stream) -> Decoded:
    """What a session that has decoded all it can has found."""
    return Decoded(
        picture=session.picture(),
        settings=MnistSettings(session.bit_budget),
        segments=tuple(session.coded),
        decoder_macs=session.macs,
        choice=f"{session.bit_budget} bits, {session.rows_done} rows, {describe_tiers(session.coded)}",
        lossless=session.rows_done == len(session.image),
        truncated=stream.truncated,
        details={BY_SOURCE: session.uses_source},
    )


PRESET = MnistPreset()
