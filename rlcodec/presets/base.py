"""The preset protocol: what a codec offers to the rest of the package, whatever its transforms and models.

`rlcodec.presets.registry` holds the shipped presets and takes others. The Python functions, the command line, the Pillow
plugin, collections, environments and evaluation call these methods; none of them depends on which preset it is.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rlcodec.control.decision_process import DecisionProcess, Predictor, ProcessSpec
from rlcodec.control.decode_time import SYNTHESIS, DecodeSample, Work
from rlcodec.control.objective import Objective
from rlcodec.core.container import Header, Stream
from rlcodec.core.metrics import psnr_db
from rlcodec.core.preset_format import MOST_PIXELS, PresetFormat
from rlcodec.core.segments import CodedSegment
from rlcodec.core.weights_file import WEIGHTS, Weights
from rlcodec.errors import DamagedStreamError, OptionError, StreamError
from rlcodec.images.gray import ImageLike
from rlcodec.options import DecodeOptions, EncodeOptions


class WeightlessCodec(Weights):
    """Stands for the weights of a preset that has none.

    Attributes:
        digest: 64 hexadecimal digits, another one for each codec and version of it.
    """


@dataclass(frozen=True)
class Settings:
    """The settings in the header of a preset's streams: fields that are written as one number."""

    def to_number(self) -> int:
        """The number in the header, not negative."""
        raise NotImplementedError


def check_padded_size(header: Header) -> None:
    """Raises DamagedStreamError if the blocks of a picture have more pixels than any picture may have."""
    rows, columns = (-(-length // header.format.block) for length in (header.height, header.width))
    if (rows * columns - rows - columns) * header.format.block**2 > MOST_PIXELS:
        raise DamagedStreamError(f"the header declares {header.width}x{header.height} pixels, more than {MOST_PIXELS}")


@dataclass(frozen=True, eq=False)
class Encoded:
    """A finished stream and how it came about.

    Attributes:
        data: the whole stream.
        settings: what its header says.
        segments: what each segment cost, the stop mark included.
        bits: code length of what was sent, as environments count it.
        decoder_macs: multiply-accumulates of decoding.
        original: the pixels that were coded, uint8 (height, width) or (height, width, 3).
        show: computes the picture that decoders show.
    """

    data: bytes
    settings: Settings
    segments: tuple[CodedSegment, ...]
    bits: float
    decoder_macs: int
    original: np.ndarray = field(repr=False)
    show: Callable[[], np.ndarray] = field(repr=False)

    @functools.cached_property
    def picture(self) -> np.ndarray:
        """What decoders show, uint8 of the shape of `original`."""
        return self.show()

    @functools.cached_property
    def mse(self) -> float:
        """Mean squared error of `picture` on the scale 0 to 255."""
        return float(np.square(self.picture.astype(np.int64) - self.original).mean())

    @property
    def psnr_db(self) -> float:
        """Peak signal-to-noise ratio in dB, infinite when nothing was lost."""
        return psnr_db(self.picture, self.original)


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a stream holds, as far as its bytes go.

    Attributes:
        picture: uint8 (height, width), or (height, width, 3) where there are colours.
        settings: what the header says.
        segments: what was found, with the cost and compute of each.
        decoder_macs: multiply-accumulates of decoding, the synthesis included.
        choice: what the encoder decided, in words.
        lossless: every pixel was sent.
        truncated: bytes are missing.
        details: further facts by name, for instance whether a digit was coded through its bilevel source.
    """

    picture: np.ndarray
    settings: Settings
    segments: tuple[CodedSegment, ...]
    decoder_macs: int
    choice: str
    lossless: bool
    truncated: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StreamInfo:
    """What `rlcodec.inspect` tells of a stream.

    Attributes:
        preset: name of the preset.
        version: of the format.
        model_digest: SHA-256 of the weights that decode it, hexadecimal.
        height: pixels.
        width: pixels.
        settings: what the header says, a dataclass of the preset.
        choice: what the encoder decided, in words.
        segments: every segment with its tier, bits and compute.
        stopped_after: the last segment that was sent, for instance "pixels 12"; None if nothing was.
        lossless: every pixel was sent.
        truncated: bytes are missing at the end.
        header_bytes: framing, checksum included.
        payload_bytes: bytes of the range-coded payload that are there.
        size_bytes: of the whole stream.
        rate_bpp: bits per pixel, all framing counted.
        decoder_kmac_per_pixel: compute of decoding.
        details: further facts by name, for instance whether a digit was coded through its bilevel source.
    """

    preset: str
    version: int
    model_digest: str
    height: int
    width: int
    settings: Settings
    choice: str
    segments: tuple[CodedSegment, ...]
    stopped_after: str | None
    lossless: bool
    truncated: bool
    header_bytes: int
    payload_bytes: int
    size_bytes: int
    rate_bpp: float
    decoder_kmac_per_pixel: float
    details: Mapping[str, Any]


@dataclass(frozen=True)
class ComparedSettings:
    """Settings at which evaluations measure a preset, from coarse to fine or the other way.

    Attributes:
        fixed: keyword arguments of `rlcodec.encode` by the name of the setting.
        kind: kind of distortion of the objectives at which a policy is measured.
        log10_lambda_rate: of these objectives.
        fine: as `fixed`, all settings from coarse to fine, for searches by quality; empty if there are no others.
    """

    fixed: Mapping[str, Mapping[str, Any]]
    kind: str
    log10_lambda_rate: tuple[float, ...]
    fine: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Preset(ABC):
    """A codec: format, weights, encoder, decoder, and the decisions that a policy makes.

    Attributes:
        format: id, name and sizes.
        options: dataclass of its options of encoding.
        decode_options: dataclass of its options of decoding.
        objectives: its named objectives; "lossless" needs no entry.
        images_at_once: how many images `pack_batch` and `decode_batch` take at a time.
        exact_pixels: whether all machines decode the same pixels; False if the synthesis of lossy pictures ends in float.
    """

    format: ClassVar[PresetFormat]
    options: ClassVar[type[EncodeOptions]] = EncodeOptions
    decode_options: ClassVar[type[DecodeOptions]] = DecodeOptions
    objectives: ClassVar[Mapping[str, Objective]]
    images_at_once: ClassVar[int] = 1
    exact_pixels: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """What users write."""
        return self.format.name

    @functools.cached_property
    def shipped_policy(self) -> Path | None:
        """File of the policy that comes with the package, or None."""
        path = WEIGHTS / f"{self.name}-policy.onnx"
        return path if path.exists() else None

    # Coding

    @abstractmethod
    def weights(self) -> Weights:
        """The installed weights, loaded once and checked by their known answers; raises ModelError if they are unusable."""

    @abstractmethod
    def encode(self, image: ImageLike, options: EncodeOptions) -> Encoded:
        """Encodes an image.

        Args:
            image: a path, a PIL image, or a uint8 array.
            options: an instance of `self.options`.

        Raises:
            ImageError: the preset cannot code the image.
            OptionError: options contradict each other; a MisfitError if this image cannot meet them.
            PolicyError: the policy file is unusable.
            DataError: decoding time is limited, and this machine has no usable calibration.
        """

    @abstractmethod
    def decode(self, stream: Stream, options: DecodeOptions) -> Decoded:
        """Decodes a stream of this preset, as far as its bytes go.

        Raises:
            DamagedStreamError: a value is impossible.
            UnknownModelError: it was coded with other weights.
        """

    def read_pixels(self, image: ImageLike, options: EncodeOptions) -> np.ndarray:
        """The pixels that this preset codes of an image, uint8 (height, width) or (height, width, 3); raises ImageError.

        By default the image upright and in 8-bit sRGB, as `rlcodec.images.color.read_color` reads it.
        """
        from rlcodec.images.color import read_color  # imports more of Pillow than gray images need

        return read_color(image, self.format, options.max_pixels).original

    def suits(self, mode: str, size: tuple[int, int]) -> bool:
        """Whether the preset codes images of a mode of Pillow's and a size (width, height) well, if users name no preset."""
        return max(size) <= self.format.max_side

    @abstractmethod
    def settings(self, header: Header) -> Settings:
        """What a stream's header says; raises DamagedStreamError if it is impossible."""

    @abstractmethod
    def mode(self, header: Header) -> str:
        """Pillow's mode of the decoded picture, "L" or "RGB"."""

    def decode_work(self, info: StreamInfo) -> Work:
        """The work of decoding the stream that `rlcodec.inspect` tells of, by stage of the decoder; one stage by default."""
        pixels = info.height * info.width
        return {SYNTHESIS: (info.decoder_kmac_per_pixel * pixels, pixels)}

    def decode_samples(self) -> Sequence[DecodeSample]:
        """Decodes that `rlcodec calibrate` times; without any, decoding time of this preset cannot be limited."""
        return ()

    def pack_batch(self, images: Sequence[np.ndarray]) -> list[bytes]:
        """Streams of several images for a collection packed without options; by default those of `encode` without options.

        Args:
            images: uint8 arrays as `read_pixels` gives them, `images_at_once` or fewer, of any sizes.
        """
        return [self.encode(image, self.options()).data for image in images]

    def decode_batch(self, streams: Sequence[Stream], options: DecodeOptions) -> list[np.ndarray | StreamError]:
        """Pictures of several whole streams, the same pixels as one by one, or what is wrong with a stream.

        Args:
            streams: `images_at_once` or fewer.
            options: an instance of `self.decode_options`.
        """

        def decode_one(stream: Stream) -> np.ndarray | StreamError:
            try:
                return self.decode(stream, options).picture
            except StreamError as error:
                return error

        return [decode_one(stream) for stream in streams]

    def encode_on_device(self, images: Sequence[ImageLike], options: EncodeOptions, device: str) -> list[bytes]:
        """Streams of several images, with networks run on a device of torch's; the same bytes as without."""
        raise OptionError(f"preset {self.name} does not encode on a device")

    def decode_on_device(self, streams: Sequence[Stream], options: DecodeOptions, device: str) -> list[Decoded] | None:
        """Decodes several streams with networks run on a device; None if the preset decodes on the processor alone."""
        return None

    # Decisions

    @abstractmethod
    def process_spec(self) -> ProcessSpec:
        """What a policy for this preset must agree with."""

    @abstractmethod
    def read_predictor(self, text: str) -> Predictor:
        """A predictor from its JSON; raises ValueError, KeyError or TypeError on anything else."""

    @abstractmethod
    def live_process(self, pixels: np.ndarray, predictor: Predictor) -> DecisionProcess:
        """The decision process on one image that measures as decisions are made, quality included, for environments."""

    @abstractmethod
    def encode_actions(self, pixels: np.ndarray, actions: tuple[int, ...], kind: str | None = None) -> Encoded:
        """Encodes an image as an episode's legal actions say; if they end before the episode does, it stops there.

        Args:
            pixels: uint8 (height, width) or (height, width, 3), as `read_pixels` gives them.
            actions: of an episode, from the first.
            kind: of distortion of the episode's objective, for presets whose streams depend on it; their default if None.
        """

    def show_nothing(self, pixels: np.ndarray) -> np.ndarray:
        """What decoders show of an image of which nothing was sent, uint8 of the shape of `pixels`."""
        return self.encode_actions(pixels, ()).picture

    @abstractmethod
    def actions_of(self, stream: Stream) -> tuple[int, ...]:
        """The actions that a stream stands for, the inverse of `encode_actions`.

        Raises:
            MisfitError: no episode leads to this stream.
        """

    @abstractmethod
    def compared_settings(self, variant: str) -> ComparedSettings:
        """Settings for evaluations.

        Args:
            variant: what follows the preset's name and a slash in a codec's name; "" if nothing does.

        Raises:
            OptionError: there is no such variant.
        """
