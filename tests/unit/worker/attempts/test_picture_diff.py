"""Which pictures are equal, by which measure, and how much memory it takes to find out."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from worker.attempts.picture_diff import (
    MAX_PIXELS,
    UndecodableError,
    difference_hash,
    hamming_distance,
    pixel_fingerprint,
    share_of_differing_pixels,
)

SIZE = (640, 400)
# A process that compares a picture of 40 million pixels with itself and prints by how much it grew.
GROWTH = """
import sys, threading
from pathlib import Path
import psutil
from worker.attempts import picture_diff
path, size, done = Path(sys.argv[1]), psutil.Process().memory_info, threading.Event()
before = highest = size().rss
def watch():
    global highest
    while not done.wait(0.005):
        highest = max(highest, size().rss)
watching = threading.Thread(target=watch)
watching.start()
assert picture_diff.share_of_differing_pixels(path, path) == 0
done.set()
watching.join()
print((highest - before) // 1_000_000)
"""


def page(folder: Path, name: str, *marks: tuple[int, int, int, int], **options: Any) -> Path:
    """A picture that looks like a page: a header, two columns, and black marks."""
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 640, 60), fill="#036")
    draw.rectangle((20, 80, 300, 380), fill="#ddd")
    draw.rectangle((340, 80, 620, 380), fill="#f60")
    for mark in marks:
        draw.rectangle(mark, fill="black")
    path = folder / name
    picture.save(path, **options)
    return path


def test_equal_pixels_are_equal_whatever_the_compression(tmp_path: Path) -> None:
    one = page(tmp_path, "one.png", compress_level=1)
    other = page(tmp_path, "other.png", compress_level=9)
    assert one.read_bytes() != other.read_bytes()
    assert pixel_fingerprint(one) == pixel_fingerprint(other)
    assert share_of_differing_pixels(one, other) == 0


def test_one_pixel_more_is_another_picture(tmp_path: Path) -> None:
    one, other = page(tmp_path, "one.png"), page(tmp_path, "other.png", (100, 100, 100, 100))
    assert pixel_fingerprint(one) != pixel_fingerprint(other)
    assert share_of_differing_pixels(one, other) == pytest.approx(1 / (640 * 400))


def test_the_same_bytes_in_another_shape_are_another_picture(tmp_path: Path) -> None:
    paths = [tmp_path / "wide.png", tmp_path / "tall.png"]
    for path, size in zip(paths, [(200, 100), (100, 200)], strict=True):
        Image.new("RGB", size, "white").save(path)
    assert pixel_fingerprint(paths[0]) != pixel_fingerprint(paths[1])
    assert share_of_differing_pixels(*paths) == 1


def test_a_change_beyond_the_first_band_is_seen(tmp_path: Path) -> None:
    paths = [tmp_path / "one.png", tmp_path / "other.png"]
    picture = Image.new("RGB", (1000, 3000), "white")
    picture.save(paths[0])
    picture.putpixel((999, 2999), (255, 255, 254))
    picture.save(paths[1])
    assert pixel_fingerprint(paths[0]) != pixel_fingerprint(paths[1])
    assert share_of_differing_pixels(*paths) == pytest.approx(1 / 3_000_000)


@pytest.mark.parametrize("extension", ["png", "jpeg", "webp"])
def test_from_afar_details_do_not_count_and_shapes_do(extension: str, tmp_path: Path) -> None:
    before = difference_hash(page(tmp_path, f"before.{extension}"))
    detail = difference_hash(page(tmp_path, f"detail.{extension}", (150, 150, 152, 160)))
    shape = difference_hash(page(tmp_path, f"shape.{extension}", (20, 80, 300, 200), (400, 200, 560, 380)))
    assert len(before.removeprefix("dhash:")) == 64
    assert hamming_distance(before, before) == 0
    assert hamming_distance(before, detail) <= 10 < hamming_distance(before, shape)


def test_a_hash_says_what_is_darker_than_its_right_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "rising.png"
    rising = Image.linear_gradient("L").rotate(90)  # dark on the left or on the right, never level
    rising.save(path)
    rising.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "falling.png")
    hashes = {difference_hash(path), difference_hash(tmp_path / "falling.png")}
    assert hashes == {"dhash:" + "0" * 64, "dhash:" + "f" * 64}


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"\x89PNG\r\n\x1a\nbroken", b"RIFF\x04\0\0\0WEBPVP8 "])
def test_what_is_no_picture_says_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(content)
    for measure in (pixel_fingerprint, difference_hash):
        with pytest.raises(UndecodableError):
            measure(path)


def test_half_a_picture_is_none(tmp_path: Path) -> None:
    path = page(tmp_path, "whole.png")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UndecodableError):
        pixel_fingerprint(path)


def test_a_picture_that_is_too_large_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "large.webp"
    Image.new("RGB", (16_000, MAX_PIXELS["WEBP"] // 16_000 + 1)).save(path)
    with pytest.raises(UndecodableError, match="too many for WEBP"):
        pixel_fingerprint(path)


def test_the_largest_pair_takes_a_bounded_amount_of_memory(tmp_path: Path) -> None:
    """Measured: 330 MB for 100,000 x 400 pixels, 4 bytes for each of both and a band."""
    path = tmp_path / "tall.png"
    Image.new("RGB", (400, 100_000), "white").save(path, compress_level=1)
    grown = subprocess.run(
        [sys.executable, "-c", GROWTH, str(path)], capture_output=True, check=True, timeout=60, text=True
    )
    assert 300 < int(grown.stdout) < 400
