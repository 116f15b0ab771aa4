"""Profiles: addresses and API keys by name, in a file that only its owner may read."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from renderfleet.errors import NotConfigured

DEFAULT_NAME: Final = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """Where a fleet is, and the key for it."""

    url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles of this user.

    Attributes:
        by_name: the profiles.
        current: the name of the one that is used if none is named.
    """

    by_name: Mapping[str, Profile] = field(default_factory=dict)
    current: str = DEFAULT_NAME

    def named(self, name: str) -> Profile:
        """A profile.

        Raises:
            NotConfigured: there is none of this name.
        """
        try:
            return self.by_name[name]
        except KeyError:
            known = ", ".join(sorted(self.by_name)) or "none"
            raise NotConfigured(
                f"there is no profile {name!r} (there is: {known}); make it with "
                f"`renderfleet login URL --profile {name}`"
            ) from None


def path_of_profiles() -> Path:
    """Where the profiles are: below XDG_CONFIG_HOME, or ~/.config."""
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "renderfleet" / "profiles.json"


def read_profiles() -> Profiles:
    """The profiles; none if there is no file.

    Raises:
        NotConfigured: the file cannot be read.
    """
    path = path_of_profiles()
    try:
        document = json.loads(path.read_text())
        by_name = {name: Profile(one["url"], one["api_key"]) for name, one in document["profiles"].items()}
        return Profiles(by_name, document["current"])
    except FileNotFoundError:
        return Profiles()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotConfigured(f"{path} cannot be read: {error!r}. Mend or remove it") from error


def write_profiles(profiles: Profiles) -> Path:
    """Write the file, with mode 0600. It gets its name when it is complete. Returns its path."""
    path = path_of_profiles()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = {
        "current": profiles.current,
        "profiles": {
            name: {"url": one.url, "api_key": one.api_key} for name, one in profiles.by_name.items()
        },
    }
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(document, file, indent=2)
    draft.rename(path)
    return path
