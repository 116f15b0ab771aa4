"""What a plain job asks of Postgres, Redis and S3: docs/operations/capacity.md counts with these numbers."""

from typing import Final
from uuid import UUID

from tests.kit.processes import api_process, worker
from tests.kit.servers.overheard import of_postgres, of_redis, of_s3
from tests.kit.servers.tcp_forwarder import forwarded
from tests.kit.stages.stage import Stage

# No more, so that nobody has to look for what makes it more.
MOST_STATEMENTS: Final = 10
MOST_REQUESTS: Final = 3
MOST_COMMANDS: Final = 6


async def test_a_plain_job_asks_for_little(stage: Stage, tenant_key: str) -> None:
    async with (
        forwarded(stage.database_url) as (postgres, database_url),
        forwarded(f"{stage.engines.s3_endpoint_url}/") as (s3, s3_url),
        forwarded(stage.engines.redis_url) as (redis, redis_url),
    ):
        environment = stage.environment(
            DATABASE_URL=database_url,
            REDIS_URL=redis_url,
            S3_ENDPOINT_URL=s3_url.rstrip("/"),
            # None while the job runs: how many there are depends on how long it does.
            HEARTBEAT_INTERVAL_S="60",
            SWEEP_INTERVAL_S="300",
            LEASE_S="300",
        )
        async with (
            worker(environment, stage.folder / "worker.log"),
            api_process(environment, stage.folder / "api.log", tenant_key) as (_, client),
        ):
            made = await client.post("/v1/jobs", json={"html": "<h1>plain</h1>"})
            job_id = UUID(made.json()["id"])
            done = await client.get(made.json()["links"]["self"], params={"wait": 60})
            assert done.json()["status"] == "succeeded"
            assert (await client.get(done.json()["links"]["artifact"])).status_code in (200, 307)
    statements = [one for sent in postgres.sent for one in of_postgres(sent, job_id)]
    commands = [one for sent in redis.sent for one in of_redis(sent, job_id)]
    requests = [one for sent in s3.sent for one in of_s3(sent, job_id)]
    assert any(one.startswith("INSERT INTO jobs") for one in statements)
    assert requests
    assert commands
    assert len(statements) <= MOST_STATEMENTS, statements
    assert len(requests) <= MOST_REQUESTS, requests
    assert len(commands) <= MOST_COMMANDS, commands
