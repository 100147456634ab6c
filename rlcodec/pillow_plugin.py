"""A Pillow plugin: importing this module lets Pillow read and write `.rlc` files.

Example:
    >>> import io, rlcodec.pillow_plugin
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("L", (28, 28), 7).save(file, "RLC", lossless=True)
    >>> Image.open(file).getpixel((3, 3))
    7
"""

from typing import IO, Any

from PIL import Image, ImageFile

from rlcodec.api import decode, encode
from rlcodec.core.container import MAGIC, unpack
from rlcodec.core.preset_format import MOST_PIXELS
from rlcodec.errors import StreamError
from rlcodec.presets.choice import AUTO
from rlcodec.presets.registry import preset_of

FORMAT = "RLC"
EXTENSION, MIME = ".rlc", "image/x-rlcodec"


class RlcImageFile(ImageFile.ImageFile):
    """An image in an rlcodec stream, which is decoded when its pixels are first accessed."""

    format = FORMAT
    format_description = "rlcodec stream"

    def _open(self) -> None:
        self._stream: bytes | None = self.fp.read() if self.fp else b""
        try:
            header = unpack(self._stream or b"", MOST_PIXELS).header  # Pillow applies its own limit, MAX_IMAGE_PIXELS
        except StreamError as error:
            raise SyntaxError(str(error)) from error
        self._size = header.width, header.height
        self._mode = preset_of(header).mode(header)
        self.tile = []

    def load(self) -> Any:
        """Decodes the stream, once.

        Raises:
            OSError: it cannot be decoded.
        """
        if self._stream is not None:
            try:
                self.im = decode(self._stream, max_pixels=MOST_PIXELS).im
            except StreamError as error:
                raise OSError(str(error)) from error
            self._stream = None
        return Image.Image.load(self)


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Writes with the keywords of `rlcodec.encode`; by default with the preset that suits image and options."""
    options = dict(image.encoderinfo)
    file.write(encode(image, preset=options.pop("preset", None) or AUTO, **options))


Image.register_open(FORMAT, RlcImageFile, lambda prefix: prefix.startswith(MAGIC))
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, EXTENSION)
Image.register_mime(FORMAT, MIME)
