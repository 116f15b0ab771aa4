"""Settings of the artifact store."""

from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url
from pydantic import Field, ValidationInfo, field_validator

from fleet.setting_names import PREFIX
from fleet.settings import FleetSettings, with_readable_port


class StorageSettings(FleetSettings):
    """Where artifacts are stored. boto3 finds the credentials (`AWS_ACCESS_KEY_ID`, profiles, roles)."""

    s3_bucket: str = Field(
        default="renderfleet", min_length=3, max_length=63, description="Bucket that holds the artifacts."
    )
    s3_endpoint_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address of an S3 server that is not Amazon's. Empty: Amazon's.",
    )
    s3_public_endpoint_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address by which callers reach the same S3 server; presigned addresses use it. Empty: "
        "the same as S3_ENDPOINT_URL.",
    )
    s3_region: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]{2,32}$",
        description="Region of the bucket, such as `eu-central-1`. Empty: what boto3 finds, such as "
        "AWS_DEFAULT_REGION. Presigned addresses of Amazon's S3 work only with the right one.",
    )
    s3_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Seconds that connecting to S3, or waiting for its next bytes, may take.",
    )
    artifact_url_expires_s: int = Field(
        default=900, ge=1, le=604_800, description="Seconds that a presigned address stays valid."
    )
    s3_sse: str = Field(
        default="",
        pattern=r"^(AES256|aws:kms)?$",
        description="How S3 encrypts artifacts: `AES256` (with keys of its own) or `aws:kms`. Empty: as the "
        "bucket is configured.",
    )
    s3_sse_kms_key_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=2048,
        description="Id, ARN or alias of the key for `aws:kms`. Empty: the account's default key for S3.",
    )

    @field_validator("s3_endpoint_url", "s3_public_endpoint_url")
    @classmethod
    def _boto3_takes_it(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not (is_valid_endpoint_url(with_readable_port(url)) or is_valid_ipv6_endpoint_url(url)):
            raise ValueError(
                "its host is no address and no host name of letters, digits, hyphens and dots, such as "
                "http://s3.example.com:9000"
            )
        return url

    @field_validator("s3_sse_kms_key_id")
    @classmethod
    def _key_is_for_kms(cls, key_id: str | None, info: ValidationInfo) -> str | None:
        # If S3_SSE itself is invalid, its own error says so.
        if key_id is not None and info.data.get("s3_sse", "aws:kms") != "aws:kms":
            raise ValueError(f"a KMS key is used only with {PREFIX}S3_SSE=aws:kms")
        return key_id
