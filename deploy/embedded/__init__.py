"""The whole fleet on one machine without Docker: real Redis, Postgres and S3 servers as child processes.

`python -m deploy.embedded` (`make run`) starts everything. The tests use the same servers, called engines:

    from deploy.embedded.engines.engines import Engines

    with Engines.start(folder) as engines:
        engines.redis_url, engines.database_url, engines.s3_endpoint_url
"""
