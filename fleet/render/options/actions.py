"""What is done in the page before it is captured, as a person with mouse and keyboard would."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from fleet.input.field_errors import rule_error

MAX_ACTIONS: Final = 50
MAX_WAIT_MS: Final = 30_000
MAX_TYPED_LENGTH: Final = 10_000
# Names as in the standard (w3.org/TR/uievents-key), each with its code and its key code of old.
KEYS: Final = {
    "Enter": ("Enter", 13),
    "Tab": ("Tab", 9),
    "Escape": ("Escape", 27),
    "Backspace": ("Backspace", 8),
    "Delete": ("Delete", 46),
    "Space": ("Space", 32),
    "Home": ("Home", 36),
    "End": ("End", 35),
    "PageUp": ("PageUp", 33),
    "PageDown": ("PageDown", 34),
    "ArrowLeft": ("ArrowLeft", 37),
    "ArrowUp": ("ArrowUp", 38),
    "ArrowRight": ("ArrowRight", 39),
    "ArrowDown": ("ArrowDown", 40),
}

Selector = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class Typing(BaseModel):
    """Text for a field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selector: Selector = Field(description="The field, as a CSS selector.")
    text: str = Field(max_length=MAX_TYPED_LENGTH, description="What is typed behind what is there.")


class Selection(BaseModel):
    """A choice in a `<select>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selector: Selector = Field(description="The `<select>`, as a CSS selector.")
    value: str = Field(max_length=MAX_TYPED_LENGTH, description="Value or text of the option to choose.")


class Action(BaseModel):
    """One action: an object with one of these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    click: Selector | None = Field(default=None, description="Click the element.")
    hover: Selector | None = Field(default=None, description="Put the mouse over the element.")
    scroll_into_view: Selector | None = Field(default=None, description="Scroll until the element shows.")
    type: Typing | None = Field(default=None, description="Click a field and type text.")
    press: str | None = Field(
        default=None,
        description=f"Press a key where the cursor is: {', '.join(KEYS)}, or a character.",
        examples=["Enter"],
    )
    select: Selection | None = Field(default=None, description="Choose an option.")
    wait: int | None = Field(
        default=None, ge=0, le=MAX_WAIT_MS, description="Wait so many milliseconds, 30,000 at most."
    )
    wait_for_selector: Selector | None = Field(default=None, description="Wait until the element is visible.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            names = ", ".join(type(self).model_fields)
            raise rule_error(
                given[1] if given else next(iter(type(self).model_fields)),
                "give exactly one field for each action",
                allowed=f"one of {names}",
            )
        return self

    @model_validator(mode="after")
    def _key_is_known(self) -> Self:
        if self.press is not None and self.press not in KEYS and len(self.press) != 1:
            allowed = f"{', '.join(KEYS)}, or one character"
            raise rule_error("press", "is no key that is known", allowed=allowed)
        return self


class ActionsOptions(BaseModel):
    """Done in this order: `click`, `scroll_into_view`, `hover`, then all `actions`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    click: Selector | None = Field(default=None, description="Click this element before the capture.")
    scroll_into_view: Selector | None = Field(
        default=None, description="Scroll until this element shows, before the capture."
    )
    hover: Selector | None = Field(
        default=None, description="Put the mouse over this element for the capture."
    )
    actions: tuple[Action, ...] = Field(
        default=(),
        max_length=MAX_ACTIONS,
        description=(
            "What to do before the capture, in this order, at most 50: `{click}`, `{hover}`, "
            "`{scroll_into_view}`, `{type: {selector, text}}`, `{press}`, `{select: {selector, value}}`, "
            "`{wait}`, `{wait_for_selector}`. Stored sealed and erased at the job's end, because what is "
            "typed may be a password."
        ),
        examples=[[{"type": {"selector": "#search", "text": "chromium"}}, {"press": "Enter"}]],
    )
