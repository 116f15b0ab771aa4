"""How long it takes to compare two pictures of a long page, with everything: decoding, comparing, drawing."""

import io
import random
import time
from functools import partial
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from fleet.pictures.compare import compare
from fleet.pictures.options import Method
from tests.bench.cases.case import Bench
from tests.bench.report.measure import Spread, figure, interleave
from tests.bench.report.report import Aim, Section, Table

_SIZE: Final = (1280, 5000)
_AIM_MS: Final = 150.0
_LINE_PX: Final = 25
_WORDS: Final = (
    "the",
    "price",
    "of",
    "each",
    "product",
    "changes",
    "with",
    "season",
    "and",
    "market",
    "while",
)
_PRICE: Final = "129.90"
_SAME: Final = "the same pixels in other bytes"
_DIGIT: Final = "a digit of a price"
_MOVED: Final = "all but the first lines moved"
_METHOD: Final = (
    "Two PNG files of 1280 x 5000 pixels with text and colour gradients, as in "
    "`POST /v1/jobs/{id}/compare`, but from memory: the process is forked, both pictures are decoded and "
    "compared, and the difference picture is drawn and encoded. In turn."
)


def _page(price: str = _PRICE, *, skipped: int = -1, level: int = 1) -> bytes:
    """A page of text and pictures, without the line `skipped`."""
    picture = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(15)
    words = random.Random(1)  # noqa: S311 - always the same page
    top = _LINE_PX
    for number in range(_SIZE[1] // _LINE_PX):
        line = price if number == 5 else " ".join(words.choices(_WORDS, k=22))
        if number == skipped:
            continue
        draw.text((60, top), line, "#222", font)
        if number % 40 == 20:
            gradient = Image.radial_gradient("L").resize((1160, 180))
            picture.paste(Image.merge("RGB", (gradient, gradient.rotate(180), gradient)), (60, top))
        top += _LINE_PX
    made = io.BytesIO()
    picture.save(made, "PNG", compress_level=level)
    return made.getvalue()


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    before = _page()
    changed = {_SAME: _page(level=2), _DIGIT: _page("129.80"), _MOVED: _page(skipped=8)}
    await compare(before, before, method=Method.VISIBLE)  # starts the helper
    rounds = bench.pick(30, 2)
    found = await interleave(
        {name: partial(_timed, before, after) for name, after in changed.items()},
        rounds=rounds,
        tell=bench.teller("compare", rounds),
    )
    spreads = {name: Spread.of(times) for name, times in found.items()}
    section = Section("Comparing two pictures")
    words = f"{figure(spreads[_DIGIT].median)} ms; if all has moved {figure(spreads[_MOVED].median)} ms"
    section.aims = [
        Aim(
            f"a comparison of 1280 x 5000 pixels takes at most {_AIM_MS:.0f} ms",
            words,
            spreads[_DIGIT].median <= _AIM_MS,
        )
    ]
    section.parts = [
        _METHOD,
        Table(("what differs", "ms"), [(name, str(of)) for name, of in spreads.items()]),
    ]
    return section


async def _timed(before: bytes, after: bytes) -> float:
    """Milliseconds of one comparison."""
    started = time.perf_counter()
    await compare(before, after, method=Method.VISIBLE)
    return (time.perf_counter() - started) * 1000
