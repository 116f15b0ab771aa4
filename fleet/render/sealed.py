"""A request as it is stored: the public part as JSON, the secret parts sealed for its job or schedule.

A job has two secret parts. Its credentials are erased by the statement that ends it. What its page was made
of stays until its artifact is erased, so that the job can be run again.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from fleet.render.request import RenderRequest
from fleet.vault import SecretOwner, Vault

_DOT: Final = "."
# With these somebody else could act as the tenant. `actions` count, because what is typed may be a password.
CREDENTIALS: Final = frozenset(
    {"actions", "proxy", "headers", "basic_auth", "cookies", "storage_state", "pdf.password"}
)
# What the page or document is made of.
CONTENT: Final = frozenset(
    {"html", "template", "data", "markdown", "files"}
    | {"pdf.prepend", "pdf.append", "pdf.attachments", "pdf.watermark"}
)
# What must not lie in clear in the database. A new option with a secret comes into one of the two; one that
# is a field of another option has a dot in its name.
SECRET_FIELDS: Final = CREDENTIALS | CONTENT
_NESTED: Final = frozenset(name for name in SECRET_FIELDS if _DOT in name)
_GROUPS: Final = frozenset(name.partition(_DOT)[0] for name in _NESTED)
_PUBLIC_EXCLUDES: Final[dict[str, Any]] = dict.fromkeys(SECRET_FIELDS - _NESTED, True) | {
    group: {name.partition(_DOT)[2] for name in _NESTED if name.startswith(f"{group}{_DOT}")}
    for group in _GROUPS
}


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """A request in its parts.

    Attributes:
        public_json: all but the secrets, without what has its default.
        secrets: the credentials in the same form, sealed; None: there are none. Of a schedule, and of a job
            that an earlier release has stored, the content too.
        content: what the page is made of, in the same form, sealed; None: nothing.
    """

    public_json: str
    secrets: bytes | None
    content: bytes | None = None

    def unseal(self, vault: Vault, owner: SecretOwner) -> str:
        """The whole request as JSON.

        Raises:
            fleet.vault.UnsealError: its secrets cannot be read.
        """
        sealed = [part for part in (self.content, self.secrets) if part is not None]
        return joined(self.public_json, *(vault.unseal(part, owner=owner).decode() for part in sealed))


def sealed_columns(
    request: RenderRequest, vault: Vault, owner: SecretOwner
) -> tuple[str, bytes | None, str | None]:
    """What a schedule stores as `request`, `secrets` and `sealed_fields`: all secrets are one part."""
    names = secret_fields(request)
    if not names:
        return _public_json(request), None, None
    return _public_json(request), _sealed(request, SECRET_FIELDS, vault, owner), ",".join(names)


def sealed_job_columns(
    request: RenderRequest, vault: Vault, owner: SecretOwner
) -> tuple[str, bytes | None, bytes | None, str | None]:
    """What a job stores as `request`, `secrets`, `content` and `sealed_fields`, separated by commas."""
    names = secret_fields(request)
    if not names:
        return _public_json(request), None, None, None
    secrets, content = (
        _sealed(request, part, vault, owner) if part.intersection(names) else None
        for part in (CREDENTIALS, CONTENT)
    )
    return _public_json(request), secrets, content, ",".join(names)


def secret_fields(request: RenderRequest) -> list[str]:
    """The names of the fields that a request has as secret."""
    given = request.model_fields_set & SECRET_FIELDS
    top = (name for name in given if getattr(request, name) != _default(type(request), name))
    return sorted((*top, *(name for name, _, _ in _nested_fields(request))))


def whole_json(request: RenderRequest) -> str:
    """A request as `SealedRequest.unseal` gives it, if it was sealed with `sealed_columns`."""
    return joined(_public_json(request), _secret_json(request, SECRET_FIELDS))


def joined(*parts: str) -> str:
    """One JSON object of several, as pydantic writes them. Of a name that is in two, the latter counts.

    Reading and writing 2 MiB of HTML to put them together would take longer than the seal.
    """
    return f"{{{','.join(inner for part in parts if (inner := part[1:-1]))}}}"


def _sealed(request: RenderRequest, names: AbstractSet[str], vault: Vault, owner: SecretOwner) -> bytes:
    return vault.seal(_secret_json(request, names).encode(), owner=owner)


def nested(request_json: str) -> str:
    """A request as JSON with the secrets of nested options in their place.

    `SealedRequest.unseal` gives them beside the others, under their names with a dot: `pdf.password`.
    """
    if not any(f'"{group}{_DOT}' in request_json for group in _GROUPS):
        return request_json
    document = from_json(request_json)
    for name in _NESTED & document.keys():
        group, _, field = name.partition(_DOT)
        document.setdefault(group, {})[field] = document.pop(name)
    return to_json(document).decode()


def _default(model: type[BaseModel], name: str) -> object:
    return model.model_fields[name].get_default(call_default_factory=True)


def _nested_fields(request: RenderRequest) -> Iterator[tuple[str, BaseModel, str]]:
    """The secret fields of nested options: the whole name, the option, and the name of the field in it."""
    for group in _GROUPS & request.model_fields_set:
        option = getattr(request, group)
        if option is None:
            continue
        for field in option.model_fields_set:
            name = f"{group}{_DOT}{field}"
            if name in _NESTED and getattr(option, field) != _default(type(option), field):
                yield name, option, field


def _public_json(request: RenderRequest) -> str:
    # Beside a device a default counts too: it is not what the device has.
    has_device = request.device is not None
    return request.model_dump_json(
        exclude_defaults=not has_device, exclude_unset=has_device, exclude=_PUBLIC_EXCLUDES
    )


def _secret_json(request: RenderRequest, names: AbstractSet[str]) -> str:
    parts = [request.model_dump_json(exclude_defaults=True, include=set(names) - _NESTED)]
    for name, option, field in _nested_fields(request):
        if name in names:
            written = option.model_dump_json(exclude_defaults=True, include={field})
            value = written.removeprefix(f'{{"{field}":')
            parts.append(f'{{"{name}":{value}')
    return joined(*parts)
