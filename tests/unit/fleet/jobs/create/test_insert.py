"""There is one way into the table `jobs`, and no field of a new job is left out of it."""

import re
from uuid import UUID

from fleet.jobs.create.insert import _TYPES, NewJob, columns_of, insert_statement
from fleet.render.request import RenderRequest
from tests.kit.data.vaults import VAULT
from tests.kit.paths import ROOT

INSERTS = re.compile(r"\bINSERT\s+INTO\s+(?:\w+\.)?\"?jobs\b", re.IGNORECASE)


def test_the_product_inserts_jobs_in_one_place() -> None:
    found = [
        str(path.relative_to(ROOT))
        for package in ("api", "deploy", "fleet", "migrations", "worker")
        for path in (ROOT / package).rglob("*.py")
        for _ in INSERTS.finditer(path.read_text())
    ]
    assert found == ["fleet/jobs/create/insert.py"]


def test_each_field_of_a_new_job_is_an_argument_of_the_statement() -> None:
    assert list(NewJob._fields) == list(_TYPES)
    for of_many in (False, True):
        statement = insert_statement(own_arguments=4, of_many=of_many)
        placeholders = [int(number) for number in re.findall(r"\$(\d+)", statement)]
        assert placeholders == list(range(5, 5 + len(_TYPES)))


def test_the_columns_of_jobs_are_in_the_order_of_their_fields() -> None:
    jobs = [NewJob.of(RenderRequest(html=text), VAULT, UUID(int=1)) for text in ("one", "two")]
    for name, column in zip(NewJob._fields, columns_of(jobs), strict=True):
        assert column == (getattr(jobs[0], name), getattr(jobs[1], name))
