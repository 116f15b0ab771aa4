"""A small curve without axes, made by the server as the path of an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

WIDTH: Final = 100
HEIGHT: Final = 24
# The line is two pixels wide and must not be cut off at the top.
_MARGIN: Final = 2


@dataclass(frozen=True, slots=True)
class Sparkline:
    """One curve.

    Attributes:
        path: for the attribute `d` of `<path>`, in a box of `WIDTH` x `HEIGHT`; empty: nothing is known.
        most: the largest value; None: nothing is known.
    """

    path: str
    most: float | None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Self:
        """The curve of values at equal distances, from zero to the largest one. None: a gap."""
        known = [value for value in values if value is not None]
        if not known:
            return cls("", None)
        most = max(known)
        step = WIDTH / max(1, len(values) - 1)
        words: list[str] = []
        is_begun = False
        for number, value in enumerate(values):
            if value is None:
                is_begun = False
                continue
            height = HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * (value / most if most else 0)
            words.append(f"{'L' if is_begun else 'M'}{number * step:.1f} {height:.1f}")
            is_begun = True
        return cls("".join(words), most)
