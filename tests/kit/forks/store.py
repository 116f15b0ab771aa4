"""Has botocore's description of S3 parsed when it is imported: fleet/artifacts/s3_client.py keeps it."""

from fleet.artifacts.s3_client import make_client, session_of_process
from fleet.artifacts.settings import StorageSettings

make_client(
    session_of_process(),
    StorageSettings.model_construct(s3_timeout_s=1.0),
    "http://127.0.0.1:1",
    connections=1,
).close()
