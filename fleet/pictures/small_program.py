"""Makes a picture small: a confined program (fleet/confined), started by small.py. It imports only Pillow."""

import io
import json
from typing import Final

# Or else Pillow imports all formats.
from PIL import AvifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

from fleet.confined.refusal import Refusal

# Of a page that is higher only the top is shown. Its whole would be too small to see anything.
MAX_HEIGHT_IN_WIDTHS: Final = 2
_QUALITY: Final = 75


def work(picture: bytes, order_json: str) -> bytes:
    """The picture in small, as WebP. Takes up to a second.

    Args:
        picture: the file.
        order_json: `decoder`, `most_pixels` and `width`, as small.py has them.

    Raises:
        Refusal: it cannot be decoded, or is too large.
    """
    order = json.loads(order_json)
    Image.MAX_IMAGE_PIXELS = None  # it has a limit of its own below
    try:
        with Image.open(io.BytesIO(picture), formats=(order["decoder"],)) as opened:
            # The file itself counts, not what was recorded of it.
            if opened.width * opened.height > order["most_pixels"]:
                raise Refusal(reason="too many pixels")
            return _small(opened, order["width"])
    # Pillow raises these errors for broken files; UnidentifiedImageError is an OSError.
    except (OSError, SyntaxError, ValueError) as error:
        raise Refusal(reason="it cannot be decoded") from error


def _small(opened: Image.Image, width: int) -> bytes:
    height = min(opened.height, opened.width * MAX_HEIGHT_IN_WIDTHS)
    shown = opened.crop((0, 0, opened.width, height))
    if shown.mode not in ("RGB", "RGBA"):
        shown = shown.convert("RGBA" if opened.has_transparency_data else "RGB")
    scale = min(1.0, width / opened.width)
    size = max(1, round(opened.width * scale)), max(1, round(height * scale))
    made = io.BytesIO()
    shown.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0).save(made, "WEBP", quality=_QUALITY)
    return made.getvalue()
