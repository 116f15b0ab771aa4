"""What was asked stands in every document of a job, without its secrets."""

import json

from fleet.database import Database
from tests.integration.api.conftest import Api
from tests.kit.api.calls import enqueue

ASKED = {
    "html": "<p>secret figures</p>",
    "proxy": {"server": "http://93.184.216.34:3128", "username": "me", "password": "swordfish"},
    "viewport": {"width": 800, "height": 600},
    "external_id": "report-7",
    "full_page": True,
    "device_scale_factor": 1,  # the default: it need not be shown
}
SHOWN = {
    "viewport": {"width": 800, "height": 600},
    "external_id": "report-7",
    "full_page": True,
    "sealed_fields": ["html", "proxy"],
}


async def test_the_request_is_shown_without_its_secrets(api: Api, database: Database) -> None:
    job = await enqueue(api.client, ASKED)
    assert job["request"] == SHOWN
    for path in (f"/v1/jobs/{job['id']}", "/v1/jobs"):
        answer = await api.client.get(path)
        document = answer.json()
        assert document.get("jobs", [document])[0]["request"] == SHOWN
        assert "swordfish" not in answer.text
        assert "secret figures" not in answer.text
    await api.client.delete(f"/v1/jobs/{job['id']}")
    # The proxy is erased now; that it was there is still told.
    ended = (await api.client.get(f"/v1/jobs/{job['id']}")).json()
    assert ended["request"] == SHOWN
    events = await api.client.get(f"/v1/jobs/{job['id']}/events")
    told = [
        json.loads(line.removeprefix("data: ")) for line in events.text.splitlines() if line[:5] == "data:"
    ]
    assert [document["request"] for document in told] == [SHOWN] * len(told)
    assert told
    assert await database.fetchval("SELECT secrets IS NULL FROM jobs")


async def test_a_batch_shows_the_request_of_each_job(api: Api) -> None:
    items = [{"url": "https://example.com/"}, {"html": "<p>x</p>", "format": "pdf"}]
    answer = await api.client.post("/v1/jobs/batch", json={"jobs": items})
    shown = [item["job"]["request"] for item in answer.json()["jobs"]]
    assert shown == [
        {"url": "https://example.com/", "sealed_fields": []},
        {"format": "pdf", "sealed_fields": ["html"]},
    ]
