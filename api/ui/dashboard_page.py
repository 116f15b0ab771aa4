"""What the dashboard must know of a page: its address, who may see it, and its name in the navigation."""

from dataclasses import dataclass
from typing import Final

from fleet.tenants.tenant import Scope

ROOT: Final = "/ui"


@dataclass(frozen=True, slots=True)
class DashboardPage:
    """One page. Each package of `api/ui/pages` has a constant of this, and `api/ui/site.py` lists them.

    Attributes:
        path: its address, such as `/ui/fleet`; parts in braces are filled for one thing.
        title: what it is called, on the page and in the navigation.
        needed: the scope that a key must have to see it; None: any key.
        is_in_navigation: whether each page links to it.
        shortcut: the letter that leads here after `g`; empty: none.
    """

    path: str
    title: str
    needed: Scope | None
    is_in_navigation: bool = True
    shortcut: str = ""
