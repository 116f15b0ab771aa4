"""What a script that was run in a page has returned, or why it failed."""

from typing import Any, Final

from worker.browser.devtools import DevToolsError, Params

_MAX_THROWN_LENGTH: Final = 300


class EvaluationError(DevToolsError):
    """A script that was run in the page threw. The message is the first line of what it threw."""


def script_value(answer: Params) -> Any:
    """The value in the answer to `Runtime.evaluate`.

    Raises:
        EvaluationError: the script threw.
    """
    if "exceptionDetails" in answer:
        thrown = answer["exceptionDetails"].get("exception", {})
        # Of null and undefined there is no more than what they are.
        nothing = f"it threw {thrown.get('subtype') or thrown.get('type', 'nothing')}"
        words = str(thrown.get("description") or thrown.get("value") or nothing).strip() or "it threw blanks"
        raise EvaluationError(words.splitlines()[0][:_MAX_THROWN_LENGTH])
    return answer["result"].get("value")
