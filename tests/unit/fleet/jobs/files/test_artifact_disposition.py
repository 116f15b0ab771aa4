"""Which artifacts a browser may show at our address."""

import dataclasses

import pytest

from fleet.jobs.files.artifact import artifact_disposition
from fleet.render.options.output import CONTENT_TYPES, Format
from tests.kit.data.facts import PICTURE
from tests.unit.fleet.jobs.document.test_document import JOB


@pytest.mark.parametrize("format_", Format)
def test_pages_of_others_are_saved_and_all_else_is_shown(format_: Format) -> None:
    facts = dataclasses.replace(PICTURE, content_type=CONTENT_TYPES[format_])
    job = dataclasses.replace(JOB, artifact_key=f"a/b-1.{format_}", artifact=facts)
    kind = "attachment" if format_ in {Format.HTML, Format.MHTML} else "inline"
    assert artifact_disposition(job) == f'{kind}; filename="{JOB.id}.{format_}"'
