"""The form of a tenant's limits: one field for each thing that an operator may change."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from fastapi import FastAPI
from pydantic_core import to_json

from api.ui.forms.field import FieldGroup
from api.ui.forms.schema_walk import SchemaWalk
from api.ui.forms.typed_form import TypedForm
from fleet.tenants.manage import CHANGEABLE, TenantAccount


@lru_cache(maxsize=1)
def _groups_of(app: FastAPI) -> tuple[FieldGroup, ...]:
    return SchemaWalk(app.openapi()).groups("TenantChanges")


@dataclass(frozen=True)
class LimitsForm(TypedForm):
    """The form as an operator sees it."""

    open_at_first: ClassVar[frozenset[str]] = frozenset({"more"})

    @classmethod
    def groups_of(cls, app: FastAPI) -> tuple[FieldGroup, ...]:
        """One group with all of them."""
        return _groups_of(app)

    @classmethod
    def of(cls, app: FastAPI, account: TenantAccount) -> "LimitsForm":
        """The form with what a tenant has now."""
        return cls.filled(app, _given(account))

    @property
    def body(self) -> bytes:
        """The changes as JSON: what is empty takes the setting or the usual value again."""
        return to_json({name: self.request.get(name) for name in CHANGEABLE})


def _given(account: TenantAccount) -> Mapping[str, Any]:
    values = {name: getattr(account, name) for name in CHANGEABLE}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value
    } | {name: value for name, value in values.items() if value == 0 and value is not None}
