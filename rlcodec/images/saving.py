"""Images as files of the formats that Pillow writes."""

import io
from typing import Any

from PIL import Image

from rlcodec.errors import OptionError


def format_of(ending: str) -> str:
    """Pillow's name of the format whose files have an ending, such as ".png".

    Raises:
        OptionError: Pillow writes no such files.
    """
    Image.preinit()  # the most common formats, which are quick to load
    kind = Image.EXTENSION.get(ending.lower()) or Image.registered_extensions().get(ending.lower())
    if kind is None or kind not in Image.SAVE:
        raise OptionError(f"Pillow writes no images that end in {ending!r}; take .png")
    return kind


def image_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of an image in a format, by Pillow's name of it and with its options; raises what Pillow raises."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
