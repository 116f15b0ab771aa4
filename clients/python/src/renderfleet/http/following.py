"""Follows a job by Server-Sent Events; a stream that breaks is taken up again where it ended."""

import json
from collections.abc import Mapping
from typing import Final

from renderfleet.http.steps import Call
from renderfleet.models.jobs import Job
from renderfleet.operations.jobs import JobOrId, path_of

# The server sends a comment every 15 seconds; a stream that is silent for longer is dead.
SILENCE_S: Final = 45.0


class Following:
    """The state of following one job.

    Attributes:
        is_over: whether the job has ended.
    """

    def __init__(self, job: JobOrId) -> None:
        self._path = path_of(job, "events")
        self._last_id = ""
        self._fields: dict[str, str] = {}
        self.is_over = False

    @property
    def call(self) -> Call:
        """The call that opens the stream, or opens it again."""
        headers: Mapping[str, str] = {"Last-Event-ID": self._last_id} if self._last_id else {}
        self._fields = {}
        return Call("GET", self._path, headers=headers, timeout_s=SILENCE_S)

    def feed(self, line: str) -> Job | None:
        """Take one line of the stream. Returns the job if the line completes an event."""
        if line:
            name, _, value = line.partition(":")
            if name:  # else a comment
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        self._last_id = fields.get("id", self._last_id)
        job = Job.of(json.loads(fields["data"]))
        self.is_over = job.has_ended
        return job
