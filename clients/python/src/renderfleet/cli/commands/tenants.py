"""`renderfleet tenant` and `renderfleet key`, for operators."""

import json as json_text
import time
from typing import Annotated, Any, Final

import typer

from renderfleet.cli.names import named
from renderfleet.cli.output.terminal import Column, details, show
from renderfleet.cli.session import JsonFields, client
from renderfleet.cli.times import duration
from renderfleet.models.tenants import ApiKey, Tenant

tenant_app = typer.Typer(help="Tenants. Needs a key with the scope admin.", no_args_is_help=True)
key_app = typer.Typer(help="API keys. Needs a key with the scope admin.", no_args_is_help=True)
_TENANT_COLUMNS: Final = (
    Column[Tenant]("id", lambda one: one.id),
    Column[Tenant]("name", lambda one: one.name),
    Column[Tenant]("made", lambda one: one.created_at),
    Column[Tenant]("weight", lambda one: one.weight, is_extra=True),
    Column[Tenant]("renders this month", lambda one: one.renders_this_month),
    Column[Tenant]("limit", lambda one: one.max_renders_per_month),
)
_KEY_COLUMNS: Final = (
    Column[ApiKey]("id", lambda one: one.id),
    Column[ApiKey]("tenant", lambda one: one.tenant_name),
    Column[ApiKey]("name", lambda one: one.name),
    Column[ApiKey]("scopes", lambda one: one.scopes),
    Column[ApiKey]("made", lambda one: one.created_at, is_extra=True),
    Column[ApiKey]("last used", lambda one: one.last_used_at),
    Column[ApiKey]("expires", lambda one: one.expires_at, is_extra=True),
    Column[ApiKey]("revoked", lambda one: one.revoked_at),
)
# The stages of an erasure in which all is erased that was found.
_NOTHING_LEFT: Final = frozenset({"settling", "erased"})
_LOOK_S: Final = 1.0
Name = Annotated[str, typer.Argument(metavar="NAME", help="The tenant's name or id.")]
Limits = Annotated[
    list[str] | None,
    typer.Option("--limit", metavar="NAME=VALUE", help="Such as max_queued=100; null: the server's setting."),
]


@tenant_app.command("add")
def add_tenant(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")], *, limit: Limits = None
) -> None:
    """Make a tenant; prints its id.

    Example: renderfleet tenant add acme --limit max_queued=100
    """
    with client(context) as opened:
        typer.echo(opened.tenants.create(name, **_limits(limit)).id)


@tenant_app.command("list")
def list_tenants(context: typer.Context, *, json: JsonFields = None) -> None:
    """List all tenants, newest first."""
    with client(context) as opened:
        show(opened.tenants.iter(), _TENANT_COLUMNS, json)


@tenant_app.command("show")
def show_tenant(context: typer.Context, name: Name, *, json: JsonFields = None) -> None:
    """Show a tenant with its limits; what has no value has the server's setting."""
    with client(context) as opened:
        found = named(opened.tenants.iter(), name, "tenant")
    if json is not None:
        show([found], (), json)
        return
    details({name: value for name, value in found.raw.items() if name != "links"})


@tenant_app.command("set")
def change_tenant(context: typer.Context, name: Name, *, limit: Limits = None) -> None:
    """Change limits and addresses.

    Example: renderfleet tenant set acme --limit max_queued=500 --limit burst=null
    """
    changes = _limits(limit)
    if not changes:
        raise typer.BadParameter("name what to change", param_hint="--limit")
    with client(context) as opened:
        opened.tenants.change(named(opened.tenants.iter(), name, "tenant"), **changes)


@tenant_app.command("erase")
def erase_tenant(
    context: typer.Context,
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until nothing of it is left.")] = False,
    json: JsonFields = None,
) -> None:
    """Erase a tenant with all its data: jobs, files, schedules, webhooks, keys. This cannot be undone.

    Its keys stop working at once, and workers do the rest. Call it again with the id to see how far they are.

    Example: renderfleet tenant erase acme --yes --wait
    """
    with client(context) as opened:
        found = next((one for one in opened.tenants.iter() if name in {one.name, one.id}), None)
        if found is not None and not yes:
            typer.confirm(f"Erase the tenant {found.name} ({found.id}) with all its data?", abort=True)
        # Without such a tenant it may be the id of one that is gone.
        erasure = opened.tenants.erasure(name) if found is None else opened.tenants.erase(found)
        while wait and erasure.stage not in _NOTHING_LEFT:
            time.sleep(_LOOK_S)
            erasure = opened.tenants.erasure(erasure.tenant_id)
    if json is not None:
        show([erasure], (), json)
        return
    details({name: value for name, value in erasure.raw.items() if name != "erased"} | dict(erasure.erased))


@key_app.command("add")
def add_key(
    context: typer.Context,
    *,
    tenant: Annotated[str, typer.Option(help="Name or id of the tenant.")],
    scopes: Annotated[str | None, typer.Option(help="Such as render,read or links.")] = None,
    name: Annotated[str | None, typer.Option(help="Your own name for the key.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="Such as 90d; else never.")] = None,
) -> None:
    """Make a key and print it. It cannot be shown again.

    Example: renderfleet key add --tenant acme --scopes links
    """
    with client(context) as opened:
        made = opened.keys.create(
            named(opened.tenants.iter(), tenant, "tenant"),
            name=name,
            scopes=None if scopes is None else scopes.split(","),
            expires_in_s=None if expires is None else int(duration(expires).total_seconds()),
        )
    typer.echo(made.key)


@key_app.command("list")
def list_keys(
    context: typer.Context,
    *,
    tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
    json: JsonFields = None,
) -> None:
    """List keys, newest first, revoked ones too."""
    with client(context) as opened:
        owner = None if tenant is None else named(opened.tenants.iter(), tenant, "tenant")
        show(opened.keys.iter(tenant=owner), _KEY_COLUMNS, json)


@key_app.command()
def revoke(context: typer.Context, id_: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """End a key; repeating is safe."""
    with client(context) as opened:
        opened.keys.revoke(id_)


def _limits(words: list[str] | None) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for text in words or ():
        name, sign, value = text.partition("=")
        try:
            limits[name] = json_text.loads(value)
        except ValueError:
            limits[name] = value
        if not sign:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--limit")
    return limits
