"""What is done about a picture that a person would call a bad one."""

from pydantic import BaseModel, ConfigDict, Field


class VerdictOptions(BaseModel):
    """The verdict itself is in each job document; this makes it count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fail_on_verdict: bool = Field(
        default=False,
        description=(
            "Fail with `content_rejected` if a person would call the result a bad one: it is blank, still "
            "loading, an error page, a wall against programs or visitors, or lacks pictures or styles. "
            "`verdict` in the job document says which."
        ),
    )
