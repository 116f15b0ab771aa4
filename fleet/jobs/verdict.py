"""The verdict on a render: what a person who sees its picture would complain about.

A worker judges (`worker/render/verdict`), the row keeps it as JSON, and the job document shows it as it is.
Rows of other releases may have fewer or more fields and reasons, so each field has a default.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

# Below it a person would call the picture bad.
GOOD_SCORE: Final = 0.5


class FailedRequestDocument(BaseModel):
    """A part of the page that did not come."""

    model_config = ConfigDict(frozen=True)

    url: str = Field(description="Its address, without query and fragment.")
    status: int | None = Field(default=None, description="The status of the answer, 400 or more.")
    error: str | None = Field(
        default=None,
        description="Why there was no answer, in the words of error types, such as name_not_resolved; null "
        "if there was one, or nobody knows.",
    )
    type: str = Field(description="image, stylesheet, script, font, frame or other.")


class VerdictDocument(BaseModel):
    """What the result is worth. It is judged for each page, also for that of a job that failed."""

    model_config = ConfigDict(frozen=True)

    score: float = Field(
        default=1.0,
        description=f"1: nothing is wrong with it; below {GOOD_SCORE}: a person would call it a bad picture.",
    )
    reasons: list[str] = Field(
        default=[],
        description="What lowers the score, the worst first: blank, loading, bot_wall, login_wall, "
        "error_page, images_missing, images_pending, styles_missing, fonts_missing, cut, console_errors.",
    )
    blank_share: float | None = Field(
        default=None,
        description="The share of a picture's pixels that have its most frequent brightness; null if so much "
        "is in the picture that they were not counted, or it is no picture.",
    )
    is_blank: bool = Field(default=False, description="Whether there is nothing to see.")
    is_error_page: bool = Field(
        default=False,
        description="Whether the page says that something is wrong: by its status, or in words although its "
        "status is 200.",
    )
    blocked_by_bot_wall: bool = Field(
        default=False, description="Whether the page asks for a proof that its visitor is no program."
    )
    failed_requests: list[FailedRequestDocument] = Field(
        default=[], description="The first 20 parts of the page that did not come."
    )
    missing_images: int = Field(default=0, description="Images in the picture that did not come.")
    pending_images: int = Field(default=0, description="Images in the picture that had not come yet.")
    missing_fonts: list[str] = Field(default=[], description="Web fonts that the page uses and did not get.")
    fallback_used: bool = Field(
        default=False, description="Whether text is shown in another font, because a web font did not come."
    )
    cut_height: int = Field(default=0, description="CSS pixels of the page's height that did not fit in.")
    console_errors: int = Field(
        default=0, description="Errors of the page's scripts: uncaught, or given to `console.error`."
    )

    @property
    def is_good(self) -> bool:
        """Whether a person would take the picture."""
        return self.score >= GOOD_SCORE
