"""A request as it is stored: the public part as JSON, the secret part sealed for its job or schedule."""

from dataclasses import dataclass
from typing import Final

from fleet.render.request import RenderRequest
from fleet.vault import SecretOwner, Vault

# What must not lie in clear in the database, nor outlive its job. A new option with a secret comes in here.
SECRET_FIELDS: Final = frozenset(
    {"actions", "html", "proxy", "headers", "basic_auth", "cookies", "storage_state"}
)


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """A request in two parts.

    Attributes:
        public_json: all but the secrets, without what has its default.
        secrets: the others in the same form, sealed; None: there are none.
    """

    public_json: str
    secrets: bytes | None

    def unseal(self, vault: Vault, owner: SecretOwner) -> str:
        """The whole request as JSON.

        Raises:
            fleet.vault.UnsealError: its secrets cannot be read.
        """
        if self.secrets is None:
            return self.public_json
        return _joined(self.public_json, vault.unseal(self.secrets, owner=owner).decode())


def sealed_columns(
    request: RenderRequest, vault: Vault, owner: SecretOwner
) -> tuple[str, bytes | None, str | None]:
    """What is stored as `request` and `secrets`, and the names in `sealed_fields`, separated by commas."""
    names = secret_fields(request)
    if not names:
        return _public_json(request), None, None
    return _public_json(request), vault.seal(_secret_json(request).encode(), owner=owner), ",".join(names)


def secret_fields(request: RenderRequest) -> list[str]:
    """The names of the fields that a request has as secret."""
    given = request.model_fields_set & SECRET_FIELDS
    return sorted(name for name in given if getattr(request, name) != _default(name))


def whole_json(request: RenderRequest) -> str:
    """A request as `SealedRequest.unseal` gives it."""
    return _joined(_public_json(request), _secret_json(request))


def _default(name: str) -> object:
    return RenderRequest.model_fields[name].get_default(call_default_factory=True)


def _public_json(request: RenderRequest) -> str:
    # Beside a device a default counts too: it is not what the device has.
    has_device = request.device is not None
    return request.model_dump_json(
        exclude_defaults=not has_device, exclude_unset=has_device, exclude=set(SECRET_FIELDS)
    )


def _secret_json(request: RenderRequest) -> str:
    return request.model_dump_json(exclude_defaults=True, include=set(SECRET_FIELDS))


def _joined(public_json: str, secret_json: str) -> str:
    """One object of two, as pydantic writes them, with no name in common.

    Reading and writing 2 MiB of HTML to put them together would take longer than the seal.
    """
    parts = [part[1:-1] for part in (public_json, secret_json)]
    return f"{{{','.join(part for part in parts if part)}}}"
