"""What a canary makes of the picture that came back, and how long it may take."""

import io
import os

import pytest
from PIL import Image

from worker.health.canary import time_limit_s
from worker.health.first_pixel import CanaryError, require_colour
from worker.resources.crowding import threads_per_core


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


@pytest.mark.parametrize(
    ("usual_s", "threads", "limit_s"),
    [(0.8, 1, 4.0), (0.8, 10, 4.0), (0.8, 30, 9.0), (3.0, 30, 15.0), (0.8, 70, 21.0)],
)
def test_on_a_crowded_machine_it_may_take_as_long_as_a_browser_that_works(
    usual_s: float, threads: float, limit_s: float
) -> None:
    assert time_limit_s(usual_s, threads) == limit_s


def test_threads_that_compute_are_counted() -> None:
    # This test's own thread computes while it asks.
    assert threads_per_core() >= 1 / (os.cpu_count() or 1)
