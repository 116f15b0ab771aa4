"""`python -m fleet.limits`: what a tenant may have: share, jobs, calls, renders a month, addresses."""

import argparse
from typing import Final

from fleet.database import DatabaseConnection
from fleet.tenants import manage
from fleet.tenants.command import checked, entries, option, run, tenant_named
from fleet.tenants.manage import CHANGEABLE, TenantAccount
from fleet.tenants.requests import TenantChanges
from fleet.tenants.settings import TenantSettings

DEFAULT: Final = "default"
# Lists, whose own words for nothing is an empty text.
_LISTS: Final = frozenset({"egress_allow", "egress_deny"})
_EXAMPLE: Final = """
examples:
  python -m fleet.limits --tenant acme
      show the limits of the tenant acme
  python -m fleet.limits --tenant acme --max-queued 500 --burst default
      allow it 500 queued jobs, and as many calls at once as the setting says
"""


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fleet.limits",
        description="Show or change the limits of one tenant. What is not given stays as it is.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--tenant", required=True, help="name of the tenant")
    for name, field in TenantChanges.model_fields.items():
        parser.add_argument(option(name), help=f"{field.description} {_nothing(name)}")
    return parser.parse_args(words)


def _nothing(name: str) -> str:
    """What takes a limit of its own away from a tenant."""
    if name in _LISTS:
        return "Separated by commas; '' for none."
    return f"`{DEFAULT}`: {_default(name)}."


def _default(name: str) -> str:
    """What holds for a tenant without a limit of its own."""
    setting = f"tenant_{name}"
    return f"RENDERFLEET_{setting.upper()}" if setting in TenantSettings.model_fields else "1"


def _value(name: str, text: str) -> object:
    if name in _LISTS:
        return entries(text)
    return None if text == DEFAULT else text


def _limits(found: TenantAccount) -> str:
    """What holds now, a line for each limit."""
    lines = {"tenant": found.name} | {name: _in_words(name, getattr(found, name)) for name in CHANGEABLE}
    lines["renders_this_month"] = f"{found.renders_this_month}"
    width = max(map(len, lines))
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in lines.items())


def _in_words(name: str, value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return f"{DEFAULT} ({_default(name)})" if value is None else f"{value}"


def main(words: list[str]) -> int:
    """Change the limits that are given and print all that hold then; returns the exit code."""
    arguments = vars(_arguments(words))
    name = arguments.pop("tenant")
    changes = checked(TenantChanges, {key: _value(key, text) for key, text in arguments.items()}).changes

    async def change(connection: DatabaseConnection) -> None:
        tenant = await tenant_named(connection, name)
        if changes:
            tenant = await manage.change(connection, tenant.id, changes) or tenant
        print(_limits(tenant))

    return run(change)
