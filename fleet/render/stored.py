"""Reading a request that was stored before, to render it now: for a job, for a schedule, for a retry.

What was valid when it was stored may not be valid now: another release has other rules, or the operator has
changed which addresses may be reached.
"""

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType, RenderError
from fleet.input.field_errors import in_words
from fleet.render.files import UPLOADS_CONTEXT
from fleet.render.options.source import EGRESS_CONTEXT, STORED_CONTEXT
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest, joined, nested
from fleet.vault import SecretOwner, Vault


class StoredRequestError(RenderError):
    """A stored request may not be rendered any more.

    Attributes:
        validation: what is wrong, field by field.
    """

    def __init__(self, validation: ValidationError) -> None:
        errors = validation.errors(include_url=False, include_input=False)
        super().__init__(type_of_refusal(errors), in_words(validation, RenderRequest))
        self.validation = validation


def read_stored(
    request: SealedRequest,
    vault: Vault,
    *,
    owner: SecretOwner,
    policy: AddressPolicy,
    credentials_json: str = "{}",
) -> RenderRequest:
    """A stored request, if it may be rendered now.

    Args:
        request: as it is stored.
        vault: opens its secrets.
        owner: the job or schedule that the secrets were sealed for.
        policy: which addresses its tenant reaches now.
        credentials_json: an object with credentials that were erased, and are given again.

    Raises:
        fleet.vault.UnsealError: its secrets cannot be read.
        StoredRequestError: it is not valid now; of type url_blocked or invalid_request.
    """
    request_json = nested(joined(request.unseal(vault, owner), credentials_json))
    context = {EGRESS_CONTEXT: policy, STORED_CONTEXT: True, UPLOADS_CONTEXT: True}
    try:
        return RenderRequest.model_validate_json(request_json, context=context)
    except ValidationError as error:
        raise StoredRequestError(error) from error


def type_of_refusal(errors: Sequence[ErrorDetails]) -> ErrorType:
    """The type of error for everything that is wrong with a request: url_blocked if any address is blocked.

    A blocked address is what the caller cannot repair: whatever else they correct, the request stays refused.
    So it gives the type its name also when it is not the only error. For example, a request for
    `http://10.0.0.1/` with a `priority` of 99 is url_blocked, and its detail names both.
    """
    is_blocked = any(error["type"] == ErrorType.URL_BLOCKED for error in errors)
    return ErrorType.URL_BLOCKED if is_blocked else ErrorType.INVALID_REQUEST
