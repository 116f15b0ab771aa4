"""A comparison as callers read it, and as it is stored with the job of a schedule."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from fleet.artifacts.keys import SignedAddress
from fleet.pictures.compare import Compared
from fleet.pictures.options import ComparisonOptions, Method, Region


class DifferenceDocument(BaseModel):
    """The difference picture: the newer picture in pale grey, what differs in red, in orange frames."""

    url: str | None = Field(
        default=None,
        description="Presigned address: needs no API key. Null in job documents: see GET …/difference.",
    )
    url_expires_at: datetime | None = Field(default=None, description="When `url` stops working.")
    content_type: str = Field(default="image/png", description="Media type.")
    size_bytes: int = Field(description="Length in bytes.")
    width_px: int = Field(description="Width: that of the wider picture.")
    height_px: int = Field(description="Height: that of the higher picture.")


class ComparisonDocument(BaseModel):
    """How a picture differs from another one."""

    compared_with: UUID | None = Field(description="The job of the other picture; null: there was none.")
    method: Method = Field(description="By what they were compared.")
    threshold: float = Field(description="Up to which distance they count as equal.")
    equal: bool = Field(description="Whether they count as equal.")
    distance: float | None = Field(
        default=None,
        description="The figure that `threshold` is for: `share`, `differing_share` or `perceptual`. "
        "Null: there was no other picture any more.",
    )
    share: float | None = Field(
        default=None, description="Share of the pixels that a person can see to differ, from 0 to 1."
    )
    differing_share: float | None = Field(
        default=None, description="Share of the pixels that differ in any way, from 0 to 1."
    )
    perceptual: int | None = Field(
        default=None, description="In how many of 256 bits their difference hashes differ."
    )
    sizes_differ: bool | None = Field(
        default=None,
        description="Whether they have different sizes. What only one of them has counts as different.",
    )
    boxes: list[Region] = Field(
        default_factory=list,
        description="Where they differ, from the top, in pixels; at most 20, the last one around the rest.",
    )
    difference: DifferenceDocument | None = Field(
        default=None, description="The difference picture; null: none was made."
    )

    @classmethod
    def of(
        cls,
        answer: dict[str, Any],
        options: ComparisonOptions,
        *,
        with_id: UUID | None,
        address: SignedAddress | None = None,
    ) -> Self:
        """The document of an answer, with a presigned address of the difference picture if one was made."""
        figures = {Method.VISIBLE: "share", Method.PIXELS: "differing_share", Method.PERCEPTUAL: "perceptual"}
        distance = float(answer[figures[options.method]])
        # Layouts of different sizes are never the same; from afar they may look so.
        fits = options.method is Method.PERCEPTUAL or not answer["sizes_differ"]
        document = cls(
            compared_with=with_id,
            method=options.method,
            threshold=options.limit,
            distance=distance,
            equal=fits and distance <= options.limit,
            **answer,
        )
        if document.difference is not None and address is not None:
            signed = {"url": address.url, "url_expires_at": address.expires_at}
            document.difference = document.difference.model_copy(update=signed)
        return document


def answer_of(compared: Compared) -> dict[str, Any]:
    """What is remembered of a comparison: the same for all thresholds."""
    width, height = compared.image_size
    picture = {"size_bytes": len(compared.image), "width_px": width, "height_px": height}
    return {
        "share": compared.share,
        "differing_share": compared.differing_share,
        "perceptual": compared.hash_distance,
        "sizes_differ": compared.sizes_differ,
        "boxes": [box.model_dump() for box in compared.boxes],
        "difference": picture if compared.image else None,
    }
