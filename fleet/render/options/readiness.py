"""When a page counts as ready, and how long each stage may take."""

from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error

MAX_SELECTOR_LENGTH: Final = 1_000
MAX_FUNCTION_LENGTH: Final = 10_000
MAX_DELAY_MS: Final = 60_000


class WaitUntil(StrEnum):
    """Playwright's words for the stages of loading a page, and `auto`."""

    AUTO = "auto"
    COMMIT = "commit"
    DOMCONTENTLOADED = "domcontentloaded"
    LOAD = "load"
    NETWORKIDLE = "networkidle"


class SelectorState(StrEnum):
    """Playwright's words for what is awaited of an element."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    ATTACHED = "attached"


class AwaitedSelector(BaseModel):
    """An element, and what is awaited of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selector: str = Field(min_length=1, max_length=MAX_SELECTOR_LENGTH, description="A CSS selector.")
    state: SelectorState = Field(
        default=SelectorState.VISIBLE,
        description=(
            "visible (it is on the page, has an area and is not `visibility: hidden`), hidden (nothing that "
            "matches is visible) or attached (it is on the page)."
        ),
    )


def _selector_alone(given: Any) -> Any:
    """A selector alone means that the element has to be visible."""
    if isinstance(given, str):
        return {"selector": given}
    if given is None or isinstance(given, dict | AwaitedSelector):
        return given
    raise ValueError("must be a CSS selector, or an object with `selector` and `state`")


class ReadinessOptions(BaseModel):
    """Waits and limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wait_until: WaitUntil = Field(
        default=WaitUntil.AUTO,
        description=(
            "When the page counts as ready: auto (when it is finished: loaded, requests answered, entrance "
            "animations and charts drawn, nothing moves; at most 5 s after its load event), commit (the "
            "answer has begun), domcontentloaded, load (images and frames too) or networkidle (no connection "
            "for 500 ms)."
        ),
    )
    wait_for_selector: Annotated[
        AwaitedSelector | None, BeforeValidator(_selector_alone, json_schema_input_type=str | AwaitedSelector)
    ] = Field(
        default=None,
        description=(
            "Wait until an element is visible: a CSS selector. Or `{selector, state}` with the state "
            "visible, hidden or attached."
        ),
        examples=["#chart"],
    )
    wait_for_function: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_FUNCTION_LENGTH,
        description=(
            "Wait until this JavaScript is true: an expression or a function, which may return a promise. It "
            "runs in the page, again and again."
        ),
        examples=["window.chartReady === true"],
    )
    wait_for_fonts: bool = Field(default=True, description="Wait for web fonts, at most 3 seconds.")
    delay_ms: int = Field(
        default=0,
        ge=0,
        le=MAX_DELAY_MS,
        description="Milliseconds to wait after the other waits. Only web fonts may be waited for after it.",
    )
    best_attempt: bool = Field(
        default=False,
        description=(
            "Capture what is there when `navigation_timeout_ms` is over, instead of failing; `warnings` says "
            "which waits were given up."
        ),
    )
    navigation_timeout_ms: int = Field(
        default=30_000, ge=1, le=120_000, description="Milliseconds in which the page must be ready."
    )
    timeout_ms: int = Field(
        default=60_000, ge=1, le=300_000, description="Milliseconds for one whole attempt, with the upload."
    )

    @model_validator(mode="after")
    def _waits_fit_into_the_attempt(self) -> Self:
        # What was not given is no contradiction: a short `timeout_ms` alone ends the attempt earlier.
        for name in ("navigation_timeout_ms", "delay_ms"):
            given = getattr(self, name)
            if name in self.model_fields_set and given > self.timeout_ms:
                raise rule_error(
                    name,
                    f"is longer than `timeout_ms` ({self.timeout_ms}), which ends the whole attempt before",
                    allowed=f"at most {self.timeout_ms}, or a longer `timeout_ms`",
                )
        return self
