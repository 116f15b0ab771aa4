"""The fleet, for operators; and who the caller is."""

from renderfleet.http.retries import Budget, answered, document_of
from renderfleet.http.steps import Call, Operation
from renderfleet.models.fleet import ApiStatus, Fleet
from renderfleet.models.tenants import Me

# The status of an API process that is not ready: the answer says why.
_NOT_READY = 503


def read(budget: Budget) -> Operation[Fleet]:
    """Workers, backlog and pause."""
    return Fleet.of(document_of((yield from answered(Call("GET", "/v1/fleet"), budget))))


def pause(reason: str | None, budget: Budget) -> Operation[Fleet]:
    """Keep workers from beginning jobs."""
    body = None if reason is None else {"reason": reason}
    return Fleet.of(document_of((yield from answered(Call("POST", "/v1/fleet/pause", body=body), budget))))


def resume(budget: Budget) -> Operation[Fleet]:
    """End the pause."""
    return Fleet.of(document_of((yield from answered(Call("POST", "/v1/fleet/resume"), budget))))


def status(budget: Budget) -> Operation[ApiStatus]:
    """Whether the API process that answers reaches what it needs. Needs no key."""
    call = Call("GET", "/readyz", accepts=(_NOT_READY,))
    return ApiStatus.of(document_of((yield from answered(call, budget))))


def me(budget: Budget) -> Operation[Me]:
    """The tenant and the API key of this client."""
    return Me.of(document_of((yield from answered(Call("GET", "/v1/me"), budget))))
