"""The previous release finds all that it knows in the schema of this one, and nothing there is stricter.

A rolling update needs it, and whoever goes back. `previous_schema.json` has the schema that it has made;
a release renews it with `RENDERFLEET_UPDATE_GOLDEN=1` (docs/release.md).
"""

import json
import os
from typing import Any, Final

import pytest

from fleet.database import Database
from tests.kit.paths import ROOT

FILE: Final = ROOT / "tests" / "integration" / "migrations" / "previous_schema.json"
_COLUMNS: Final = """
    SELECT table_name, column_name, udt_name AS type, is_nullable = 'YES' AS nullable,
           column_default IS NOT NULL OR is_generated = 'ALWAYS' OR is_identity = 'YES' AS has_default
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    ORDER BY 1, ordinal_position
"""
# What can refuse a row that the previous release writes.
_RULES: Final = """
    SELECT conrelid::regclass::text AS table_name, pg_get_constraintdef(oid) AS rule
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    UNION ALL SELECT tablename, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'
    UNION ALL SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1, 2
"""


async def schema_of(database: Database) -> dict[str, Any]:
    """Each table: its columns, and what is demanded of its rows."""
    found: dict[str, Any] = {}
    for row in await database.fetch(_COLUMNS):
        table = found.setdefault(row["table_name"], {"columns": {}, "rules": []})
        table["columns"][row["column_name"]] = {
            name: row[name] for name in ("type", "nullable", "has_default")
        }
    for row in await database.fetch(_RULES):
        if row["table_name"] in found:
            found[row["table_name"]]["rules"].append(row["rule"])
    return found


def broken(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What the previous release would stumble over."""
    found = []
    for table, old in before.items():
        new = now.get(table)
        if new is None:
            found.append(f"{table} is gone")
            continue
        for name, column in old["columns"].items():
            kept = new["columns"].get(name)
            if kept is None:
                found.append(f"{table}.{name} is gone")
            elif kept["type"] != column["type"]:
                found.append(f"{table}.{name} is of another type")
            elif (column["nullable"] and not kept["nullable"]) or (
                column["has_default"] and not kept["has_default"]
            ):
                found.append(f"{table}.{name} must be given now")
        for name, column in new["columns"].items():
            if name not in old["columns"] and not column["nullable"] and not column["has_default"]:
                found.append(f"{table}.{name} is new and must be given")
        found += [f"{table} demands: {rule}" for rule in new["rules"] if rule not in old["rules"]]
    return found


async def test_the_previous_release_finds_all_that_it_knows(database: Database) -> None:
    now = await schema_of(database)
    if os.environ.get("RENDERFLEET_UPDATE_GOLDEN"):
        FILE.write_text(json.dumps(now, indent=1) + "\n")
    assert broken(json.loads(FILE.read_text()), now) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("DROP TABLE webhook_attempts", "webhook_attempts is gone"),
        ("ALTER TABLE jobs DROP COLUMN external_id", "jobs.external_id is gone"),
        ("ALTER TABLE jobs ALTER COLUMN priority TYPE bigint", "jobs.priority is of another type"),
        ("ALTER TABLE jobs ALTER COLUMN external_id SET NOT NULL", "jobs.external_id must be given now"),
        ("ALTER TABLE jobs ALTER COLUMN priority DROP DEFAULT", "jobs.priority must be given now"),
        ("ALTER TABLE jobs ADD COLUMN label text NOT NULL", "jobs.label is new and must be given"),
        ("ALTER TABLE jobs ADD CHECK (priority < 5)", "jobs demands: CHECK ((priority < 5))"),
    ],
)
async def test_what_would_break_it_is_noticed(database: Database, change: str, complaint: str) -> None:
    before = await schema_of(database)
    async with database.connection() as connection:
        await connection.execute(change)
    assert complaint in broken(before, await schema_of(database))


async def test_what_only_adds_is_none(database: Database) -> None:
    before = await schema_of(database)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE jobs ADD COLUMN label text")
        await connection.execute("CREATE TABLE labels (label text NOT NULL UNIQUE)")
        await connection.execute("CREATE INDEX ON jobs (label)")
    assert broken(before, await schema_of(database)) == []
