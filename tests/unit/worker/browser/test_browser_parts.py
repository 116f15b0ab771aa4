"""The parts of the browser core that need no browser."""

import io
import os
import tempfile
import uuid
from pathlib import Path

import pytest
from PIL import Image

from fleet.errors import ErrorType
from fleet.render.options.output import Format
from worker.browser.launch.launch_advice import advice, reason_of
from worker.browser.launch.scratch import Scratch
from worker.pool.recycle import spread
from worker.render.file_facts import count_pages, picture_size
from worker.render.picture.picture_size import MAX_SIDE_PX, fit
from worker.render.pipeline import ALL, STEPS
from worker.render.reports.net_errors import error_type
from worker.render.steps import full_page, output


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("net::ERR_NAME_NOT_RESOLVED", ErrorType.NAME_NOT_RESOLVED),
        ("net::ERR_DNS_TIMED_OUT", ErrorType.NAME_NOT_RESOLVED),
        ("net::ERR_CONNECTION_REFUSED", ErrorType.CONNECTION_FAILED),
        ("net::ERR_EMPTY_RESPONSE", ErrorType.CONNECTION_FAILED),
        ("net::ERR_TOO_MANY_REDIRECTS", ErrorType.CONNECTION_FAILED),
        ("net::ERR_CERT_AUTHORITY_INVALID", ErrorType.TLS_ERROR),
        ("net::ERR_CERTIFICATE_TRANSPARENCY_REQUIRED", ErrorType.TLS_ERROR),
        ("net::ERR_SSL_PROTOCOL_ERROR", ErrorType.TLS_ERROR),
        ("net::ERR_BLOCKED_BY_CLIENT", ErrorType.URL_BLOCKED),
        ("net::ERR_UNSAFE_PORT", ErrorType.URL_BLOCKED),
        ("net::ERR_TIMED_OUT", ErrorType.NAVIGATION_TIMEOUT),
        ("net::ERR_CONNECTION_TIMED_OUT", ErrorType.NAVIGATION_TIMEOUT),
        ("net::ERR_HTTP_RESPONSE_CODE_FAILURE", ErrorType.HTTP_STATUS_REJECTED),
        ("net::ERR_ABORTED", ErrorType.CONTENT_REJECTED),
        ("net::ERR_INSUFFICIENT_RESOURCES", ErrorType.BROWSER_UNAVAILABLE),
        ("something new", ErrorType.CONNECTION_FAILED),
    ],
)
def test_every_net_error_has_a_type(word: str, expected: ErrorType) -> None:
    assert error_type(word) is expected


@pytest.mark.parametrize("format_", Format)
def test_every_format_is_captured_once_and_written_last(format_: Format) -> None:
    steps = [step for step in STEPS if format_ in step.formats]
    captures = [step for step in steps if step.formats != ALL and step.run is not full_page.run]
    assert len(captures) == 1
    assert steps[-1].run is output.run


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((800, 600), 1.0, (800, 600)),
        ((800.4, 600.2), 1.0, (801, 601)),
        ((800, 70_000), 1.0, (800, 50_000)),
        ((800, 70_000), 2.0, (800, 12_500)),
        ((200_000, 100), 1.0, (100_000, 100)),
        ((100_000, 100_000), 1.0, (100_000, 400)),
    ],
)
def test_part_of_a_page_that_fits(size: tuple[float, float], scale: float, expected: tuple[int, int]) -> None:
    found = fit(*size, scale=scale, max_side_px=MAX_SIDE_PX[Format.PNG], max_pixels=40_000_000)
    assert found == expected
    assert found[0] * found[1] * scale**2 <= 40_000_000


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*"}])
def test_size_of_a_webp(options: dict[str, object]) -> None:
    file = io.BytesIO()
    Image.new("RGB", (321, 123)).save(file, "WEBP", **options)
    assert picture_size(file.getvalue()) == (321, 123)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 3000}])
def test_size_of_a_jpeg(options: dict[str, object]) -> None:
    file = io.BytesIO()
    Image.new("RGB", (321, 123)).save(file, "JPEG", **options)
    assert picture_size(file.getvalue()) == (321, 123)


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\x89PNG", b"\xff\xd8\xff\xe0\x00\x10", b"RIFFxxxxWEBPVP8 "]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="picture"):
        picture_size(data)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("BrowserType.launch: Executable doesn't exist at /x\n╔═", "RENDERFLEET_CHROMIUM_EXECUTABLE"),
        ("BrowserType.launch: Failed to launch: Error: spawn /etc/passwd EACCES", "may run"),
        ("Browser logs:\nChromium sandboxing failed!", "RENDERFLEET_CHROMIUM_SANDBOX=off"),
        ("error while loading shared libraries: libnss3.so", "install-deps"),
        ("Timeout 30000ms exceeded.", "RENDERFLEET_BROWSER_LAUNCH_TIMEOUT_S"),
        ("closed\nCall log:\n  - <launching> /x --no-sandbox", "by hand"),
    ],
)
def test_every_launch_failure_has_its_advice(message: str, word: str) -> None:
    assert word in advice(reason_of(message))


def test_pages_of_what_is_no_pdf(tmp_path: Path) -> None:
    path = tmp_path / "broken.pdf"
    path.write_bytes(b"%PDF-1.4 startxref 5 /Root 1 0 R")
    with path.open("rb") as file:
        assert count_pages(file) is None


def test_ages_are_spread_by_a_tenth() -> None:
    assert [spread(100, chance) for chance in (0.0, 0.5, 1.0)] == pytest.approx([90, 100, 110])


def test_scratch_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    before = os.environ.get("TMPDIR")
    worker_id = uuid.uuid4()
    with Scratch(tmp_path, worker_id) as scratch:
        assert scratch.path == tmp_path / "scratch" / str(worker_id)
        assert scratch.path.stat().st_mode & 0o777 == 0o700
        assert Path(tempfile.gettempdir()) == scratch.path
        (scratch.path / "profile").mkdir()
    assert os.environ.get("TMPDIR") == before
    assert list((tmp_path / "scratch").iterdir()) == []


def test_scratch_sweeps_the_dead_and_spares_the_living(tmp_path: Path) -> None:
    dead = tmp_path / "scratch" / "dead"
    (dead / "profile").mkdir(parents=True)
    (tmp_path / "scratch" / "dead.lock").touch()
    with Scratch(tmp_path, uuid.uuid4()) as living, Scratch(tmp_path, uuid.uuid4()):
        assert living.path.exists()
        assert not dead.exists()
        assert not dead.with_suffix(".lock").exists()
