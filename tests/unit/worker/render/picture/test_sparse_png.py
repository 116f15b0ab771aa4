"""PNG files made smaller without another process: of which little is drawn, or text."""

import io
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fleet.confined.program import stop_all
from tests.kit.paths import ROOT
from tests.unit.worker.render.picture.test_encoder import programs
from worker.render.picture.encoder import Encoding, encode
from worker.render.picture.png_density import SOME_GRADIENTS, SPARSE, bytes_per_pixel
from worker.render.picture.sparse_png import smaller

WIDTH, HEIGHT = 600, 400
UP = 2


def picture(colours: int, mode: str = "RGB", background: str = "white") -> Image.Image:
    """White, but for a band of so many colours, each as a column of 2 x 40 pixels."""
    drawn = Image.new(mode, (WIDTH, HEIGHT), background)
    for number in range(colours):
        column = number % (WIDTH // 2) * 2
        row = 40 + number // (WIDTH // 2) * 40
        drawn.paste((number % 256, number // 256, 90), (column, row, column + 2, row + 40))
    return drawn


def fast_png(drawn: Image.Image, filter_: int = UP) -> bytes:
    """As Chromium writes it when it is told to be fast: each row as its difference to the one above."""
    pixels = np.asarray(drawn).reshape(drawn.height, -1)
    above = np.vstack((np.zeros_like(pixels[:1]), pixels[:-1]))
    rows = pixels - above if filter_ == UP else pixels
    data = zlib.compress(np.insert(rows, 0, filter_, axis=1).tobytes(), 1)
    plain = io.BytesIO()
    drawn.save(plain, "PNG")
    head, end = plain.getvalue()[:33], plain.getvalue()[-12:]
    check = zlib.crc32(b"IDAT" + data).to_bytes(4, "big")
    return head + len(data).to_bytes(4, "big") + b"IDAT" + data + check + end


def pixels_of(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as opened:
        return opened.convert("RGBA")


async def test_it_has_the_same_pixels_and_needs_no_process() -> None:
    stop_all()  # one of another test may wait for more
    drawn = picture(600)
    small = await encode(png := fast_png(drawn), Encoding("png", 0, is_small=True))
    assert len(small) < len(png) * 0.8
    assert pixels_of(small) == drawn.convert("RGBA")
    assert not programs()


def test_it_takes_one_thread_however_many_cores_there_are(tmp_path: Path) -> None:
    (tmp_path / "fast.png").write_bytes(fast_png(picture(600)))
    script = """
import asyncio, pathlib, psutil, sys, time
from worker.render.picture.encoder import Encoding, encode
from worker.render.picture.png_density import SOME_GRADIENTS, SPARSE, bytes_per_pixel
asyncio.run(encode(pathlib.Path(sys.argv[1]).read_bytes(), Encoding("png", 0, is_small=True)))
late = time.monotonic() + 20  # threads of the loop have ended for Python before they have for the kernel
while psutil.Process().num_threads() > 1 and time.monotonic() < late:
    time.sleep(0.01)
print(psutil.Process().num_threads(), "numpy" in sys.modules)
"""
    words = (sys.executable, "-c", script, str(tmp_path / "fast.png"))
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said == "1 True\n", "all threads have ended with the loop"


@pytest.mark.parametrize("background", ["white", "black"])
@pytest.mark.parametrize("colours", [1, 200, 255])
def test_few_colours_become_a_palette(colours: int, background: str) -> None:
    png = fast_png(drawn := picture(colours, background=background))
    small = smaller(png)
    assert small is not None
    assert pixels_of(small) == drawn.convert("RGBA")
    with Image.open(io.BytesIO(small)) as opened:
        assert opened.mode == "P"
        assert len(opened.getcolors() or ()) == colours + 1
    assert len(small) < len(png) / 2


def text(height: int) -> Image.Image:
    """Black and white points in a quarter of it: as many bytes as a page of text has."""
    drawn = Image.new("RGB", (WIDTH, height), "white")
    points = np.random.default_rng(7).choice(np.array([0, 255], np.uint8), (height, WIDTH // 4))
    drawn.paste(Image.fromarray(points), (0, 0))
    return drawn


@pytest.mark.parametrize(("height", "count"), [(400, 0), (4000, 1)], ids=["a window", "a long page"])
async def test_only_long_pages_of_text_need_a_process(height: int, count: int) -> None:
    stop_all()  # one of another test may wait for more
    png = fast_png(drawn := text(height))
    assert SPARSE < bytes_per_pixel(png) < SOME_GRADIENTS
    small = await encode(png, Encoding("png", 0, is_small=True))
    assert pixels_of(small) == drawn.convert("RGBA")
    assert len(programs()) == count


@pytest.mark.parametrize(
    "png",
    [
        pytest.param(fast_png(text(400)), id="few colours, in most rows"),
        pytest.param(fast_png(picture(600, "RGBA")), id="with transparency"),
        pytest.param(fast_png(picture(600), filter_=0), id="without the filter"),
    ],
)
def test_what_is_left_to_the_other_library(png: bytes) -> None:
    assert smaller(png) is None


def test_chunks_about_the_picture_are_kept() -> None:
    png = fast_png(picture(600))
    density = (9).to_bytes(4, "big") + b"pHYs" + bytes((0, 0, 14, 196, 0, 0, 14, 196, 1))
    density += zlib.crc32(density[4:]).to_bytes(4, "big")
    small = smaller(png[:33] + density + png[33:])
    assert small is not None
    with Image.open(io.BytesIO(small)) as opened:
        assert opened.info["dpi"] == pytest.approx((96, 96), abs=0.1)
