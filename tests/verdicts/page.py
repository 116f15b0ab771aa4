"""A labelled page: what a person would say of its picture."""

import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Design = Callable[["Words"], str]

_SENTENCES: Final = {
    "en": (
        "The new bridge opens in spring and joins both parts of the town.",
        "Prices have risen by four percent since last year.",
        "Add the flour slowly and stir until the dough is smooth.",
        "Our team of twelve builds tools for small workshops.",
        "The museum shows forty drawings that nobody has seen before.",
        "Trains run every ten minutes in the morning and every half hour at night.",
    ),
    "de": (
        "Die neue Brücke verbindet beide Teile der Stadt.",
        "Die Preise sind seit dem letzten Jahr um vier Prozent gestiegen.",
        "Das Museum zeigt vierzig Zeichnungen, die niemand kannte.",
        "Wir bauen Werkzeuge für kleine Betriebe.",
    ),
    "fr": (
        "Le nouveau pont relie les deux parties de la ville.",
        "Les prix ont augmenté de quatre pour cent depuis un an.",
        "Le musée présente quarante dessins inconnus.",
        "Nous fabriquons des outils pour les petits ateliers.",
    ),
    "es": (
        "El nuevo puente une las dos partes de la ciudad.",
        "Los precios han subido un cuatro por ciento desde el año pasado.",
        "El museo muestra cuarenta dibujos desconocidos.",
        "Hacemos herramientas para talleres pequeños.",
    ),
}
_NAMES: Final = ("Arbor", "Belmont", "Cobalt", "Dorval", "Elmira", "Fenwick", "Gable", "Harlow")
_COLOURS: Final = ("#1b4965", "#7b2d26", "#2d6a4f", "#5a189a", "#9a6700", "#0b525b")
_FONTS: Final = ("Arial, sans-serif", "Georgia, serif", "Verdana, sans-serif", "'DejaVu Sans', sans-serif")


class Words:
    """What differs between the pages of one design: words, colours, numbers; the same on each machine."""

    def __init__(self, design: str, variation: int) -> None:
        self._chance = random.Random(f"{design} {variation}")  # noqa: S311 - the same page every time
        self.variation = variation
        self.language = ("en", "en", "de", "fr", "es")[variation % 5]
        self.name = self.one(_NAMES)
        self.colour = self.one(_COLOURS)
        self.font = self.one(_FONTS)

    def one(self, choices: tuple[str, ...]) -> str:
        """One of these."""
        return self._chance.choice(choices)

    def nth(self, *choices: str) -> str:
        """One of these in turn, by the number of the variation."""
        return choices[self.variation % len(choices)]

    def number(self, least: int, most: int) -> int:
        return self._chance.randint(least, most)

    def text(self, sentences: int) -> str:
        """So many sentences."""
        return " ".join(self.one(_SENTENCES[self.language]) for _ in range(sentences))

    def paragraphs(self, count: int) -> str:
        return "".join(f"<p>{self.text(4)}</p>" for _ in range(count))

    def image(self) -> str:
        """The address of a picture that is there."""
        return f"/img/{self.number(1, 9)}.jpg"

    def sheet(self) -> str:
        """A style sheet in the page."""
        return (
            f"<style>body{{font:16px/1.5 {self.font};margin:0;color:#222;background:#fff}}"
            f"header,footer{{background:{self.colour};color:#fff;padding:16px 32px}}"
            "main{padding:16px 32px;max-width:960px}a{color:inherit;margin-right:16px}"
            ".grid{display:grid;grid-template-columns:repeat(4,1fr);gap:16px}"
            ".grid img{width:100%;height:140px}"
            ".centre{display:flex;flex-direction:column;align-items:center;justify-content:center;height:100vh}"
            "</style>"
        )

    def header(self) -> str:
        links = "".join(f"<a href=#>{word}</a>" for word in ("News", "Products", "About", "Contact"))
        return f"<header><b>{self.name}</b> {links}</header>"

    def site(self, main: str, *, title: str = "") -> str:
        """A page in the usual frame of a site."""
        return self.plain(f"{self.header()}<main>{main}</main><footer>© {self.name}</footer>", title=title)

    def plain(self, body: str, *, title: str = "", head: str = "") -> str:
        return (
            f'<!doctype html><html lang="{self.language}"><title>{title or self.name}</title>'
            f"{self.sheet()}{head}<body>{body}"
        )


@dataclass(frozen=True)
class Kind:
    """Pages about which a person would say the same.

    Attributes:
        name: in the table.
        reasons: one of them has to be in the verdict; empty: the picture is fine.
        designs: by their names. Each is either for choosing thresholds or for trying them, never for both.
        variations: how many pages each design gives.
        options: of the render.
        statuses: by design, where it is not 200.
        paths: by design, the folder of its address, where it says something.
        asked: by design, the folder that is asked for and leads to the page, where it is another.
    """

    name: str
    reasons: frozenset[str]
    designs: Mapping[str, Design]
    variations: int = 3
    options: Mapping[str, Any] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledPage:
    """One page.

    Attributes:
        kind: what it is.
        name: design and variation.
        path: where it lies on the server.
        asked: what is asked for; the server redirects it to `path` if it is another.
        html: the document.
        status: of the answer.
        is_for_trying: whether thresholds are tried with it, not chosen.
    """

    kind: Kind
    name: str
    path: str
    asked: str
    html: str
    status: int
    is_for_trying: bool

    @property
    def is_bad(self) -> bool:
        """Whether a person would call its picture bad."""
        return bool(self.kind.reasons)


def pages_of(kind: Kind) -> list[LabelledPage]:
    """All pages of a kind. Every second design is for trying."""
    found = []
    for place, (design, make) in enumerate(kind.designs.items()):
        for variation in range(kind.variations):
            name = f"{kind.name.replace(' ', '-')}/{design}/{variation}"
            # No address says what kind of page it is.
            number = zlib.crc32(name.encode())
            path = f"/{kind.paths.get(design, 'page')}/{number}"
            asked = f"/{kind.asked[design]}/{number}" if design in kind.asked else path
            found.append(
                LabelledPage(
                    kind=kind,
                    name=name,
                    path=path,
                    asked=asked,
                    html=make(Words(design, variation)),
                    status=kind.statuses.get(design, 200),
                    is_for_trying=place % 2 == 1,
                )
            )
    return found
