"""Finds all settings classes of the product."""

import importlib
import pkgutil
from collections.abc import Iterator

from fleet.settings import FleetSettings

ROOTS = ("api", "fleet", "migrations.settings", "worker")


def _modules() -> Iterator[str]:
    for root in ROOTS:
        package = importlib.import_module(root)
        yield root
        for found in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{root}."):
            if found.name.endswith("settings") or found.name in ("fleet.database", "fleet.telemetry.logs"):
                yield found.name


def settings_classes() -> set[type[FleetSettings]]:
    """Every subclass of FleetSettings in the product."""
    for name in _modules():
        importlib.import_module(name)
    return {found for found in _below(FleetSettings) if found.__module__.split(".")[0] != "tests"}


def _below(base: type[FleetSettings]) -> Iterator[type[FleetSettings]]:
    for found in base.__subclasses__():
        yield found
        yield from _below(found)
