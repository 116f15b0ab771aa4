"""Who may open a PDF, and what may be done with it."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from fleet.input.field_errors import NO_CONTROL_CHARACTERS, rule_error

# ISO 32000-2, 7.6.4.3.2: what comes behind is not looked at.
MAX_PASSWORD_BYTES: Final = 127


class Permission(StrEnum):
    """What may be done by somebody who does not know the owner's password."""

    PRINT = "print"
    COPY = "copy"
    MODIFY = "modify"
    ANNOTATE = "annotate"
    FILL_FORMS = "fill_forms"
    ASSEMBLE = "assemble"


def _short(password: str) -> str:
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        raise ValueError(f"is longer than {MAX_PASSWORD_BYTES} bytes")
    return password


Password = Annotated[
    str, StringConstraints(min_length=1, pattern=NO_CONTROL_CHARACTERS), AfterValidator(_short)
]


class PdfPassword(BaseModel):
    """Passwords: `user`, `owner` or both. The document is encrypted with AES-256."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: Password | None = Field(
        default=None,
        repr=False,
        description="Opens the document. If not given, it opens without one, and only `permissions` hold.",
    )
    owner: Password | None = Field(
        default=None,
        repr=False,
        description="Opens the document and lifts `permissions`. If not given, nobody can lift them.",
    )
    permissions: tuple[Permission, ...] | None = Field(
        default=None,
        max_length=len(Permission),
        description="What may be done without the owner's password. All if not given; [] for nothing. "
        "Programs decide themselves whether they obey. To read aloud is never forbidden.",
        examples=[["print", "copy"]],
    )

    @model_validator(mode="after")
    def _is_of_use(self) -> Self:
        if self.user is None and self.owner is None:
            raise rule_error("user", "give `user`, `owner` or both")
        if self.user == self.owner:
            raise rule_error("owner", "is the same as `user`, so that everybody could lift `permissions`")
        return self
