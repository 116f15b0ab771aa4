"""The form of the playground: one field for each option of `POST /v1/jobs`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from fastapi import FastAPI

from api.ui.forms.field import Field, FieldGroup
from api.ui.forms.schema_walk import SchemaWalk
from api.ui.forms.typed_form import TypedForm
from fleet.render.devices import devices

# In the order in which people think of them; a new group comes last by itself.
_ORDER: Final = (
    "source",
    "output",
    "viewport",
    "full_page",
    "screenshot",
    "pdf",
    "readiness",
    "blocking",
    "overlays",
    "emulation",
    "injection",
    "actions",
    "identity",
    "text",
    "failing",
    "verdict",
    "evidence",
    "job",
)


@lru_cache(maxsize=1)
def _groups_of(app: FastAPI) -> tuple[FieldGroup, ...]:
    return SchemaWalk(app.openapi()).groups("RenderRequest", _ORDER)


@dataclass(frozen=True)
class OptionsForm(TypedForm):
    """The form as somebody sees it."""

    open_at_first: ClassVar[frozenset[str]] = frozenset({"source", "output", "viewport", "full_page"})

    @classmethod
    def groups_of(cls, app: FastAPI) -> tuple[FieldGroup, ...]:
        """The groups of options."""
        return _groups_of(app)

    def suggestions(self, one: Field) -> Sequence[str]:
        """Names of devices, which the schema does not list."""
        return tuple(devices()) if one.name == "device" else ()
