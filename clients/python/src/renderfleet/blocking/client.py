"""The blocking client."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, Unpack

import httpx2

from renderfleet.blocking.jobs import JobCalls
from renderfleet.blocking.operators import FleetCalls, KeyCalls, TenantCalls
from renderfleet.blocking.runner import Runner
from renderfleet.blocking.schedules import ScheduleCalls
from renderfleet.blocking.webhooks import WebhookCalls
from renderfleet.http.following import FollowingAll
from renderfleet.http.retries import DEFAULT_BUDGET_S, answered
from renderfleet.http.steps import Answer, Call
from renderfleet.links import Links
from renderfleet.models.events import JobEvent
from renderfleet.models.fleet import ApiStatus
from renderfleet.models.history import History
from renderfleet.models.tenants import Me
from renderfleet.operations import fleet, history
from renderfleet.options import RenderOptions
from renderfleet.shot import Shot
from renderfleet.target import find_target


class Client:
    """A connection to a renderfleet server. Several threads may use it.

    Args:
        url: address of the server. Without it: RENDERFLEET_URL, or that of the profile.
        api_key: without it: RENDERFLEET_API_KEY, or that of the profile.
        profile: name of a profile that `renderfleet login` has made.
        retry_for_s: for how many seconds a call is tried again if the server does not answer, or says that a
            limit is reached; 0: never.
        transport: in place of the network, for tests.

    Raises:
        NotConfigured: no key is known.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        profile: str | None = None,
        retry_for_s: float = DEFAULT_BUDGET_S,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.target = find_target(url, api_key, profile)
        self._runner = Runner(self.target, retry_for_s, transport)
        self.jobs = JobCalls(self._runner)
        self.schedules = ScheduleCalls(self._runner)
        self.webhooks = WebhookCalls(self._runner)
        self.fleet = FleetCalls(self._runner)
        self.tenants = TenantCalls(self._runner)
        self.keys = KeyCalls(self._runner)
        self.links = Links(self.target)

    def screenshot(
        self, url: str | None = None, /, *, timeout_s: float | None = None, **options: Unpack[RenderOptions]
    ) -> Shot:
        """Render a picture, and wait for it.

        Args:
            url: the page; None: `html`, `markdown`, `template` or `files` is given.
            timeout_s: how long to wait; None: until the job has ended.
            **options: of the render.

        Raises:
            JobFailed: it could not be rendered.
            WaitingEnded: it takes longer; the job goes on.
        """
        return self._shot({"url": url} if url else {}, timeout_s, options)

    def pdf(
        self, url: str | None = None, /, *, timeout_s: float | None = None, **options: Unpack[RenderOptions]
    ) -> Shot:
        """Render a PDF, and wait for it; arguments as of `screenshot`."""
        return self._shot({"url": url, "format": "pdf"} if url else {"format": "pdf"}, timeout_s, options)

    def _shot(self, request: Mapping[str, Any], timeout_s: float | None, options: RenderOptions) -> Shot:
        job = self.jobs.succeed(self.jobs.submit({**request, **options}), timeout_s=timeout_s)
        return Shot(job, self.jobs.artifact(job))

    def me(self) -> Me:
        """The tenant and the key of this client, with limits and their use."""
        return self._runner.run(fleet.me(self._runner.budget))

    def events(self, *, after: str | None = None) -> Iterator[JobEvent]:
        """Changes of all own jobs as they happen, each within about a second; without end.

        A stream that breaks is taken up where it ended, so a change may come twice.

        Args:
            after: the id of an event, to begin after it, if it is no more than 15 minutes old; None: now.

        Raises:
            ApiError: the server refuses; Unauthorized also when the key ends.
            ServerUnreachable: the stream broke and could not be taken up again.
        """
        return self._runner.follow(FollowingAll(after))

    def history(
        self, *, since: datetime | None = None, until: datetime | None = None, step_s: int | None = None
    ) -> History:
        """Own jobs that ended in the last 30 days.

        Args:
            since: where it begins; None: six hours before its end.
            until: where it ends; None: a minute or two ago, until when all is counted.
            step_s: seconds of one step, whole minutes; None: at most 360 steps.
        """
        return self._runner.run(history.read(since, until, step_s, self._runner.budget))

    def status(self) -> ApiStatus:
        """Whether the server reaches what it needs."""
        return self._runner.run(fleet.status(self._runner.budget))

    def request(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Any call of the API.

        Args:
            method: such as GET.
            path: such as `/v1/jobs?limit=1`.
            body: sent as JSON; None: nothing is sent.
            headers: to send besides the usual ones.

        Raises:
            ApiError: the call is refused.
        """
        call = Call(
            method.upper(), path, body=body, headers=headers or {}, is_repeatable=method.upper() == "GET"
        )
        return self._runner.run(answered(call, self._runner.budget))

    def close(self) -> None:
        """Close the connections."""
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
