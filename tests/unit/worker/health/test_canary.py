"""What a canary makes of the picture that came back."""

import io

import pytest
from PIL import Image

from worker.health.first_pixel import CanaryError, require_colour


def picture(colour: str, *, mode: str = "RGB", format_: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (16, 16), f"#{colour}").save(file, format_)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("colour", ["ff0000", "00ffff", "123456"])
def test_the_colour_that_was_asked_for_is_found(colour: str, mode: str) -> None:
    require_colour(picture(colour, mode=mode), colour)


def test_another_colour_is_named() -> None:
    with pytest.raises(CanaryError, match="colour ffffff instead of ff0000"):
        require_colour(picture("ffffff"), "ff0000")


GOOD = picture("ff0000")
BROKEN = {
    "nothing": b"",
    "a JPEG": picture("ff0000", format_="JPEG"),
    "a picture cut off": GOOD[:-20],
    "a damaged picture": GOOD.replace(b"IDAT", b"IDAT\x00", 1),
    "a picture without its end": GOOD[:-12],
    "shades of grey": picture("ff0000", mode="L"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_no_picture_is_a_failure(name: str) -> None:
    with pytest.raises(CanaryError, match="the picture"):
        require_colour(BROKEN[name], "ff0000")
