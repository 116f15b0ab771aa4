"""The base of all settings, and where a process may write. Each other setting is declared beside its noun.

Every settings class is read from the environment when its process starts, never at import. Prefix
`RENDERFLEET_`. A value may stand in a file, which `RENDERFLEET_..._FILE` names: then a password appears
neither in the environment of a process nor in the description of its container. A wrong value stops the start
with the variable's name and what is allowed (`load_settings`). `docs/settings.md` lists them all; a test
holds the two together.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from fleet.input.field_errors import MISSING, field_errors_of
from fleet.setting_names import FILE_SUFFIX, PREFIX


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def with_readable_port(address: str) -> str:
    """The address itself. Several hosts, separated by commas, are left to the driver to read.

    Raises:
        ValueError: its port cannot be read.
    """
    try:
        "," in urlsplit(address).netloc or urlsplit(address).port
    except ValueError:
        raise ValueError(
            "its port is not a number from 1 to 65535. In a user or password, write / ? # @ : [ ] as %2F %3F "
            "%23 %40 %3A %5B %5D"
        ) from None
    return address


_Port = Annotated[int, Field(ge=1, le=65_535)]
# Lists are written with commas, not as JSON, which is what pydantic-settings would read.
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
# An address whose port can be read. Its own error says nothing of its text, which may have a password.
Address = Annotated[str, AfterValidator(with_readable_port)]
Ports = Annotated[tuple[_Port, ...], NoDecode, BeforeValidator(_split)]


class _NamedFiles(PydanticBaseSettingsSource):
    """Values in files that `RENDERFLEET_..._FILE` names: so Docker and systemd pass secrets on."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """The text of the field's file, without white space around it.

        Raises:
            SettingsError: the file cannot be read, or there is a value beside it.
        """
        variable = PREFIX + field_name.upper()
        path = os.environ.get(variable + FILE_SUFFIX)
        if not path:
            return None, field_name, False
        if os.environ.get(variable):
            raise SettingsError(
                f"renderfleet: {variable} and {variable}{FILE_SUFFIX} are both set. Remove one."
            )
        try:
            return Path(path).read_text("utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SettingsError(
                f"renderfleet: {variable}{FILE_SUFFIX} names {path}, which cannot be read: {reason}."
            ) from None

    def __call__(self) -> dict[str, Any]:
        """The value of each field that has a file."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: text for name, text in found.items() if text is not None}


class FleetSettings(BaseSettings):
    """Base of all settings: prefix, immutability, no file read but those that a variable names."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, the environment, files that it names."""
        return init_settings, _NamedFiles(settings_cls), env_settings


class DataSettings(FleetSettings):
    """Where a process may write."""

    data_dir: Path = Field(
        default=Path(".renderfleet"),
        description="Folder for everything that is written to disk: browser profiles, files before their "
        "upload, data of the embedded engines.",
    )


SettingsT = TypeVar("SettingsT", bound=FleetSettings)


class SettingsError(SystemExit):
    """A setting is missing or wrong. Ends the process with one sentence a variable and exit code 1."""

    @classmethod
    def from_validation(cls, error: ValidationError) -> Self:
        """Translate pydantic's errors into sentences that name the environment variable."""
        lines = []
        for found in field_errors_of(error.errors(include_url=False, include_input=False)):
            name = PREFIX + (found.field or "").partition(".")[0].upper()
            reason = "is not set" if found.message == MISSING else f"is wrong: {found.message}"
            lines.append(f"renderfleet: {name} {reason}. See docs/settings.md.")
        return cls("\n".join(lines))


def load_settings(settings_class: type[SettingsT]) -> SettingsT:
    """Read one settings class from the environment.

    Raises:
        SettingsError: a variable is missing or outside what is allowed; its message names each one.
    """
    try:
        return settings_class()
    except ValidationError as error:
        raise SettingsError.from_validation(error) from None
