"""What each option of a render costs, on one page, against the same render without it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.embedded.engines.engine import clean_environment
from fleet.render.request import RenderRequest
from tests.bench.cases.case import Bench
from tests.bench.clients.product import find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, interleave
from tests.bench.report.report import Section, Table

Options = dict[str, Any]

_PAGE: Final = "/long?n=30"
_PLAIN: Final = "without options"
# So many options share the plain renders that stand between them: few, so that these are near in time.
_SHARED: Final = 9
_ROUNDS: Final = 3

_IPHONE: Final = "iPhone 15"
_COOKIE: Final = {"name": "session", "value": "1"}
_STATE: Final[Options] = {"cookies": [], "origins": []}
# By what stands in the table. Whoever adds an option adds a line here.
MEASURED: Final[dict[str, Options]] = {
    "format: jpeg": {"format": "jpeg"},
    "format: webp": {"format": "webp"},
    "format: avif": {"format": "avif"},
    "format: pdf": {"format": "pdf"},
    "format: pdf, header_template": {
        "format": "pdf",
        "pdf": {"header_template": "<p>x</p>", "margin": {"top": "2cm"}},
    },
    "format: pdf, single_page": {"format": "pdf", "pdf": {"single_page": True}},
    "format: pdf, metadata": {"format": "pdf", "pdf": {"metadata": {"title": "x"}}},
    "format: pdf, password": {"format": "pdf", "pdf": {"password": {"user": "x", "owner": "y"}}},
    "format: html": {"format": "html"},
    "format: mhtml": {"format": "mhtml"},
    "format: text": {"format": "text"},
    "format: markdown": {"format": "markdown"},
    "optimize: size": {"optimize": "size"},
    "width_px: 320": {"width_px": 320},
    "full_page": {"full_page": True},
    "full_page, full_page_scroll: false": {"full_page": True, "full_page_scroll": False},
    "selector": {"selector": "h2"},
    "clip": {"clip": {"x": 0, "y": 200, "width": 400, "height": 900}},
    "omit_background": {"omit_background": True},
    "hide_selectors": {"hide_selectors": ["h2", ".banner"]},
    "animations: disabled": {"animations": "disabled"},
    "wait_until: load": {"wait_until": "load"},
    "wait_until: networkidle": {"wait_until": "networkidle"},
    "wait_for_selector": {"wait_for_selector": "h2"},
    "wait_for_function": {"wait_for_function": "document.title"},
    "styles": {"styles": "h2 { color: red }"},
    "scripts": {"scripts": "document.title = 'x'"},
    "click": {"click": "h2"},
    "hover": {"hover": "h2"},
    "scroll_into_view": {"scroll_into_view": "p"},
    "actions, two": {"actions": [{"press": "Tab"}, {"wait_for_selector": "h2"}]},
    "device": {"device": _IPHONE},
    "device_scale_factor: 2": {"device_scale_factor": 2},
    "user_agent": {"user_agent": "Mozilla/5.0 (bench)"},
    "locale": {"locale": "de-DE"},
    "timezone_id": {"timezone_id": "Europe/Berlin"},
    "geolocation": {"geolocation": {"latitude": 52.5, "longitude": 13.4}},
    "color_scheme: dark": {"color_scheme": "dark"},
    "media: print": {"media": "print"},
    "java_script_enabled: false": {"java_script_enabled": False},
    "bypass_csp": {"bypass_csp": True},
    "ignore_https_errors": {"ignore_https_errors": True},
    "headers": {"headers": {"X-Bench": "1"}},
    "basic_auth": {"basic_auth": {"username": "bench", "password": "x"}},
    "cookies": {"cookies": [_COOKIE]},
    "storage_state": {
        "storage_state": _STATE | {"cookies": [_COOKIE | {"domain": "127.0.0.1", "path": "/"}]}
    },
    "block_ads": {"block_ads": True},
    "block_trackers": {"block_trackers": True},
    "block_media": {"block_media": True},
    "block_resources: font": {"block_resources": ["font"]},
    "allow_requests": {"allow_requests": ["a.example.com"]},
    "block_requests, 100": {"block_requests": [f"*.ads{number}.example.com" for number in range(100)]},
    "block_cookie_banners, without a banner": {"block_cookie_banners": True},
    "block_popups, without a popup": {"block_popups": True},
    "fail_if_content_contains": {"fail_if_content_contains": ["Access denied"]},
    "fail_on_status": {"fail_on_status": ["4xx", "5xx"]},
    "fail_on_console_error": {"fail_on_console_error": True},
    "fail_on_failed_request": {"fail_on_failed_request": True},
    "fail_on_verdict": {"fail_on_verdict": True},
}

_METHOD: Final = (
    "A page of text, longer than its window of 1280 x 720, as PNG for speed. Each option is rendered in turn "
    f"with the same render without options, in {_ROUNDS} rounds, and the difference is taken in each round. "
    "Measured is what lies between the first command to the page and the file: milliseconds, and CPU of "
    "Python, Playwright's driver and Chromium. Where the lowest and the highest difference have different "
    "signs, the option costs less than what can be measured here. A negative difference is saved."
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One render, from the first command to the file."""

    cpu_ms: float
    wall_ms: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Renders with an option, and those without it in the same rounds."""

    with_option: Sequence[Shot]
    plain: Sequence[Shot]

    def row(self, name: str) -> tuple[str, ...]:
        """One line of the table."""
        pairs = list(zip(self.with_option, self.plain, strict=True))
        return (
            f"`{name}`",
            str(Spread.of(one.cpu_ms - base.cpu_ms for one, base in pairs)),
            str(Spread.of(one.wall_ms - base.wall_ms for one, base in pairs)),
            f"{self.with_option[-1].size_bytes / 1000:,.0f}",
        )


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    executable = str(find_chromium().executable)
    log = bench.folder / "renders.log"
    client = "tests.bench.browsers.renders"
    found: dict[str, Comparison] = {}
    async with responder(client, executable, environment=environment, log=log) as renderer:
        names = list(MEASURED)
        for start in range(0, len(names), _SHARED):
            found |= await _compare(bench, renderer, names[start : start + _SHARED])
    return _section(found)


async def _compare(bench: Bench, renderer: Responder, names: Sequence[str]) -> dict[str, Comparison]:
    def shot(options: Options) -> Callable[[], Awaitable[Shot]]:
        async def render() -> Shot:
            return Shot(**await renderer.ask(path=_PAGE, options=options))

        return render

    contenders = {_PLAIN: shot({}), **{name: shot(MEASURED[name]) for name in names}}
    await contenders[_PLAIN]()
    rounds = bench.pick(_ROUNDS, 1)
    found = await interleave(contenders, rounds=rounds, tell=bench.teller(names[0], rounds))
    return {name: Comparison(found[name], found[_PLAIN]) for name in names}


def _section(found: Mapping[str, Comparison]) -> Section:
    plain = [shot for comparison in found.values() for shot in comparison.plain]
    cpu, wall = Spread.of(one.cpu_ms for one in plain), Spread.of(one.wall_ms for one in plain)
    section = Section("Options: what each adds to a render")
    size_kb = plain[-1].size_bytes / 1000
    section.parts = [
        _METHOD,
        f"The render without options takes {cpu} ms of CPU and {wall} ms; its PNG has {size_kb:,.0f} KB.",
        Table(
            ("option", "CPU added, ms", "time added, ms", "file, KB"),
            [comparison.row(name) for name, comparison in found.items()],
        ),
        f"Not measured: {', '.join(f'`{name}`' for name in unmeasured())}.",
    ]
    return section


def unmeasured() -> list[str]:
    """Options of a render that no line of the table has."""
    measured = {option for options in MEASURED.values() for option in options}
    return sorted(set(RenderRequest.model_fields) - measured)
