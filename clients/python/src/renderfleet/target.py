"""Which server is called, with which key: what is given, the environment, or a profile, in this order."""

import os
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from renderfleet.errors import NotConfigured
from renderfleet.profiles import Profile, read_profiles

URL_VARIABLE: Final = "RENDERFLEET_URL"
KEY_VARIABLE: Final = "RENDERFLEET_API_KEY"
PROFILE_VARIABLE: Final = "RENDERFLEET_PROFILE"
# Where `make run` listens.
DEFAULT_URL: Final = "http://127.0.0.1:8000"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Target:
    """A server and a key.

    Attributes:
        url: the server's address, without a slash at its end.
        api_key: the key.
        origin: where both come from, for people.
    """

    url: str
    api_key: str = field(repr=False)
    origin: str

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine: proxies of the environment are not for it."""
        return urlsplit(self.url).hostname in _LOOPBACK


def find_target(url: str | None = None, api_key: str | None = None, profile: str | None = None) -> Target:
    """The server to call.

    Args:
        url: its address, if it is given.
        api_key: the key, if it is given.
        profile: name of a profile, if one is given; it wins over the environment.

    Raises:
        NotConfigured: no key is known, or the address is none.
    """
    found, origin = _by_environment() if profile is None else _by_name(profile)
    wanted_url = (url or (found.url if found is not None else "") or DEFAULT_URL).rstrip("/")
    wanted_key = api_key
    if found is not None and (api_key is None) and _is_same(wanted_url, found.url):
        wanted_key = found.api_key
    if not wanted_key:
        raise NotConfigured(
            f"no API key is known: call `renderfleet login {wanted_url}`, or set {KEY_VARIABLE}"
        )
    if urlsplit(wanted_url).scheme not in {"http", "https"} or not urlsplit(wanted_url).hostname:
        raise NotConfigured(f"{wanted_url!r} is no address of a server, such as {DEFAULT_URL}")
    is_given = bool(url or api_key)
    return Target(wanted_url, wanted_key, "what was given" if is_given else origin)


def _by_environment() -> tuple[Profile | None, str]:
    """What the environment says: a profile, an address and a key, or nothing; then the current profile."""
    url, key, name = (os.environ.get(one) for one in (URL_VARIABLE, KEY_VARIABLE, PROFILE_VARIABLE))
    if key:
        return Profile(url or "", key), "the environment"
    if name:
        return _by_name(name)
    profiles = read_profiles()
    found = profiles.by_name.get(profiles.current)
    if url:
        # Its key is used only if it is for this server.
        found = Profile(url, found.api_key if found is not None and _is_same(url, found.url) else "")
    return found, f"the profile {profiles.current}"


def _by_name(name: str) -> tuple[Profile | None, str]:
    return read_profiles().named(name), f"the profile {name}"


def _is_same(url: str, other: str) -> bool:
    """Whether a key for `other` may be sent to `url`. Without an address it is for any."""
    return not other or url.rstrip("/") == other.rstrip("/")
