"""How pictures differ."""

from dataclasses import dataclass
from datetime import datetime

from renderfleet.models.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Region(Document):
    """A rectangle of a picture, in its pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Document):
    """The difference picture. `docs/compare.md` says what it shows."""

    url: str | None
    url_expires_at: datetime | None
    content_type: str
    size_bytes: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureComparison(Document):
    """How a picture differs from another one. `docs/compare.md` says what each field means."""

    compared_with: str | None
    method: str
    threshold: float
    equal: bool
    distance: float | None
    share: float | None
    differing_share: float | None
    perceptual: int | None
    sizes_differ: bool | None
    boxes: tuple[Region, ...]
    difference: Difference | None
