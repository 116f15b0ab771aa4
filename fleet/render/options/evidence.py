"""What is kept of how a picture came about, besides the picture."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Evidence(BaseModel):
    """What the evidence holds besides what it always does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bodies: bool = Field(
        default=False,
        description="Keep what the page's requests were answered with, too: a replay needs it.",
    )


def _said_with_a_word(given: Any) -> Any:
    """`true` means evidence without bodies, `false` none."""
    if given is None or given is False:
        return None
    if given is True:
        return {}
    if isinstance(given, dict | Evidence):
        return given
    raise ValueError("must be true, false, or an object with `bodies`")


class EvidenceOptions(BaseModel):
    """Nothing is recorded unless it is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    evidence: Annotated[
        Evidence | None, BeforeValidator(_said_with_a_word, json_schema_input_type=bool | Evidence | None)
    ] = Field(
        default=None,
        description=(
            "true: keep a zip file that tells how the result came about, also of a job that fails: the "
            "page's requests (HAR), its console, its document, MHTML, times and versions, without secrets. "
            "`{bodies: true}`: the answers to its requests too, so that it can be rendered again offline."
        ),
        examples=[True, {"bodies": True}],
    )
