"""Calls for operators: the fleet, tenants and keys. They need a key with the scope `admin`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from renderfleet.blocking.lists import all_pages
from renderfleet.blocking.runner import Runner
from renderfleet.models.fleet import Fleet
from renderfleet.models.history import FleetHistory
from renderfleet.models.tenants import ApiKey, Erasure, IssuedKey, Tenant
from renderfleet.operations import fleet, history, tenants


class FleetCalls:
    """`client.fleet`: workers, backlog, pause."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def get(self) -> Fleet:
        """The fleet as it is now."""
        return self._runner.run(fleet.read(self._runner.budget))

    def history(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        step_s: int | None = None,
        tenant: Tenant | str | None = None,
    ) -> FleetHistory:
        """Ended jobs of all tenants or of one, and the fleet's state; arguments as of `Client.history`."""
        return self._runner.run(history.read_fleet(since, until, step_s, tenant, self._runner.budget))

    def pause(self, reason: str | None = None) -> Fleet:
        """Keep workers from beginning jobs. Running ones go on to their end."""
        return self._runner.run(fleet.pause(reason, self._runner.budget))

    def resume(self) -> Fleet:
        """End the pause."""
        return self._runner.run(fleet.resume(self._runner.budget))


class TenantCalls:
    """`client.tenants`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def create(self, name: str, **limits: Any) -> Tenant:
        """Make a tenant, with limits such as `max_queued=100`."""
        return self._runner.run(tenants.create(name, limits, self._runner.budget))

    def get(self, tenant: Tenant | str) -> Tenant:
        """A tenant, by its id."""
        return self._runner.run(tenants.read(tenant, self._runner.budget))

    def iter(self) -> Iterator[Tenant]:
        """All tenants, newest first."""
        return all_pages(self._runner, tenants.TENANTS, "tenants", Tenant)

    def change(self, tenant: Tenant | str, **limits: Any) -> Tenant:
        """Change limits and addresses; None: the server's setting applies again."""
        return self._runner.run(tenants.change(tenant, limits, self._runner.budget))

    def erase(self, tenant: Tenant | str) -> Erasure:
        """Erase a tenant with all its data, which cannot be undone. Repeat it to see how far it has come."""
        return self._runner.run(tenants.erase(tenant, self._runner.budget))

    def erasure(self, tenant: Tenant | str) -> Erasure:
        """How far the erasing of a tenant has come, also when it is gone."""
        return self._runner.run(tenants.read_erasure(tenant, self._runner.budget))


class KeyCalls:
    """`client.keys`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def create(
        self,
        tenant: Tenant | str,
        *,
        name: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_in_s: int | None = None,
    ) -> IssuedKey:
        """Make a key of a tenant. Only this answer has `key`."""
        return self._runner.run(
            tenants.create_key(
                tenant, name=name, scopes=scopes, expires_in_s=expires_in_s, budget=self._runner.budget
            )
        )

    def get(self, key_id: str) -> ApiKey:
        """A key, without its secret."""
        return self._runner.run(tenants.read_key(key_id, self._runner.budget))

    def iter(self, *, tenant: Tenant | str | None = None) -> Iterator[ApiKey]:
        """The keys of all tenants or of one, newest first."""
        filters = {"tenant_id": None if tenant is None else tenants.id_of(tenant)}
        return all_pages(self._runner, tenants.KEYS, "keys", ApiKey, filters=filters)

    def revoke(self, key_id: str) -> ApiKey:
        """End a key; repeating is safe."""
        return self._runner.run(tenants.revoke_key(key_id, self._runner.budget))
