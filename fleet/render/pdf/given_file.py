"""A file that a request brings along: its bytes as base64, or its name among the files of the job."""

import binascii
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from fleet.input.field_errors import NO_CONTROL_CHARACTERS, rule_error

MAX_FILE_NAME_LENGTH: Final = 255


def _base64(text: str) -> str:
    """The same text, if it is base64 (RFC 4648, section 4)."""
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ValueError("is not base64 (RFC 4648, with + and / and padding)") from None
    return text


Base64 = Annotated[str, StringConstraints(min_length=1), AfterValidator(_base64)]
FileName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_FILE_NAME_LENGTH, pattern=NO_CONTROL_CHARACTERS)
]


class GivenFile(BaseModel):
    """Exactly one of `content` and `file`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content: Base64 | None = Field(default=None, repr=False, description="The bytes as base64.")
    file: FileName | None = Field(
        default=None, description="Its name among the files that are sent with the job."
    )

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Self:
        require_one(self, "content", "file")
        return self

    @property
    def data(self) -> bytes | None:
        """The bytes of `content`; None: it is a `file`."""
        return None if self.content is None else binascii.a2b_base64(self.content)


def require_one(model: BaseModel, *names: str) -> None:
    """Refuse a model that has none of these fields, or more than one.

    Raises:
        PydanticCustomError: names the first field.
    """
    if sum(getattr(model, name) is not None for name in names) != 1:
        *others, last = (f"`{name}`" for name in names)
        raise rule_error(names[0], f"give exactly one of {', '.join(others)} and {last}")


def of_text(name: str) -> Any:
    """A validator that takes a text for an object with this field alone."""

    def read(value: Any) -> Any:
        return {name: value} if isinstance(value, str) else value

    return read
