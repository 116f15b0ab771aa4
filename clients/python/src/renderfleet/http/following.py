"""Follows jobs by Server-Sent Events; a stream that breaks is taken up again where it ended."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from renderfleet.http.steps import Call
from renderfleet.models.events import JobChange, JobEvent
from renderfleet.models.jobs import Job
from renderfleet.operations.jobs import JobOrId, path_of

T = TypeVar("T")

# The server sends a comment every 15 seconds; a stream that is silent for longer is dead.
SILENCE_S: Final = 45.0


class Following(ABC, Generic[T]):
    """The state of following a stream of events.

    Attributes:
        is_over: whether nothing more can come.
    """

    def __init__(self, path: str, last_id: str = "") -> None:
        self._path = path
        self._last_id = last_id
        self._fields: dict[str, str] = {}
        self.is_over = False

    @property
    def call(self) -> Call:
        """The call that opens the stream, or opens it again."""
        headers: Mapping[str, str] = {"Last-Event-ID": self._last_id} if self._last_id else {}
        self._fields = {}
        return Call("GET", self._path, headers=headers, timeout_s=SILENCE_S)

    def feed(self, line: str) -> T | None:
        """Take one line of the stream. Returns what an event says if the line completes one."""
        if line:
            name, _, value = line.partition(":")
            if name:  # else a comment
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        # An id without data is no event, but where the stream is taken up again.
        self._last_id = fields.get("id", self._last_id)
        return self._told(fields.get("event", ""), fields["data"]) if "data" in fields else None

    @abstractmethod
    def _told(self, event: str, data: str) -> T:
        """What an event says."""


class FollowingJob(Following[Job]):
    """Following one job, until it has ended."""

    def __init__(self, job: JobOrId) -> None:
        super().__init__(path_of(job, "events"))

    def _told(self, event: str, data: str) -> Job:  # noqa: ARG002 - the job says its status
        job = Job.of(json.loads(data))
        self.is_over = job.has_ended
        return job


class FollowingAll(Following[JobEvent]):
    """Following all jobs of the tenant, for ever."""

    def __init__(self, after: str | None) -> None:
        super().__init__("/v1/events", after or "")

    def _told(self, event: str, data: str) -> JobEvent:
        change = None if event == "missed" else JobChange.of(json.loads(data))
        return JobEvent(self._last_id, change)
