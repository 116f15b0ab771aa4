"""A picture encoded in a process of its own."""

import asyncio
import io

import psutil
import pytest
from PIL import Image

from fleet.errors import ErrorType, RenderError
from tests.kit.processes import command_line
from worker.render.picture.encoder import Encoding, encode


def png(width: int, height: int) -> bytes:
    target = io.BytesIO()
    Image.effect_noise((width, height), 90).save(target, "PNG")
    return target.getvalue()


def programs() -> list[psutil.Process]:
    helpers = psutil.Process().children()
    ours = [one for one in helpers if "worker.render.picture.encoder_program" in command_line(one)]
    return [program for helper in ours for program in helper.children()]


async def test_what_cannot_be_encoded_is_an_error_of_ours() -> None:
    with pytest.raises(RenderError) as caught:
        await encode(b"no picture", Encoding("webp", 85))
    assert caught.value.type is ErrorType.INTERNAL_ERROR
    assert caught.value.detail == "the picture could not be encoded as webp"


async def test_a_large_picture_has_a_process_that_ends_with_its_render() -> None:
    before = programs()  # one may wait for small pictures
    encoding = asyncio.create_task(encode(png(3000, 3000), Encoding("png", 0, is_small=True)))
    while programs() == before:
        assert not encoding.done()
        await asyncio.sleep(0.01)
    encoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await encoding
    assert programs() == before


async def test_small_png_files_share_a_process_and_others_have_their_own() -> None:
    used = []
    for format_ in ("png", "avif", "png", "webp"):
        encoded = await encode(png(60, 40), Encoding(format_, 50, is_small=format_ == "png"))
        with Image.open(io.BytesIO(encoded)) as picture:
            assert (picture.format, picture.size) == (format_.upper(), (60, 40))
        used += programs()
    assert len(used) == 4
    assert len(set(used)) == 1
