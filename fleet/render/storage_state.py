"""What a page finds in its browser, as Playwright's `storage_state` writes it."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error
from fleet.render.cookies import Cookie
from fleet.render.origins import origin_of

MAX_STATE_COOKIES: Final = 500
MAX_ORIGINS: Final = 50
MAX_ENTRIES: Final = 1_000
# Chromium gives an origin 5 MiB and more; what pages keep of a session is a hundredth of that.
MAX_STORAGE_LENGTH: Final = 1024 * 1024


class StorageEntry(BaseModel):
    """One entry of `localStorage`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    value: str = Field(repr=False)


class OriginState(BaseModel):
    """What one origin has stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Annotated[str, AfterValidator(origin_of)] = Field(
        max_length=300, examples=["https://app.example.com"]
    )
    localStorage: tuple[StorageEntry, ...] = Field(default=(), max_length=MAX_ENTRIES)


class StorageState(BaseModel):
    """As `context.storage_state()` returns it. What belongs to other sites than the target's is left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cookies: tuple[Cookie, ...] = Field(default=(), max_length=MAX_STATE_COOKIES)
    origins: tuple[OriginState, ...] = Field(default=(), max_length=MAX_ORIGINS)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        length = sum(
            len(entry.name) + len(entry.value) for state in self.origins for entry in state.localStorage
        )
        if length > MAX_STORAGE_LENGTH:
            raise rule_error(
                "origins", f"have {length:,} characters; at most {MAX_STORAGE_LENGTH:,} are allowed"
            )
        return self
