"""A logo as we serve it: a raster picture that we encoded ourselves."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

MAX_BYTES = 2 * 1024 * 1024
MAX_PIXELS = 16_000_000
MAX_SIDE = 512
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class NotAPicture(ValueError):
    """The file can't be a logo; the message says what to send instead."""


@dataclass(frozen=True, slots=True)
class Logo:
    """PNG bytes, longest side at most 512 pixels, nothing of the file's metadata."""

    body: bytes
    content_type: str = "image/png"


def encoded(file: bytes) -> Logo:
    """Read a PNG, JPEG, WebP or GIF and write it anew as PNG. Raises NotAPicture.

    SVG is refused: it can carry script and addresses to call.
    """
    if len(file) > MAX_BYTES:
        raise NotAPicture("The logo is larger than 2 MB: send a smaller file.")
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise NotAPicture("The logo has over 16 million pixels: send a smaller picture.")
            drawn = picture.convert("RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise NotAPicture(
            "The logo is not a picture we can take: send a PNG, JPEG, WebP or GIF file (no SVG)."
        ) from error
    drawn.thumbnail((MAX_SIDE, MAX_SIDE))
    out = io.BytesIO()
    drawn.save(out, "PNG", optimize=True)
    return Logo(out.getvalue())
