"""Calls as commands for curl."""

from collections.abc import Mapping
from typing import Any, Final

from api.snippets.literals import SHELL_JSON, written
from api.snippets.render_call import API_KEY, file_name, is_for_later, path_of
from api.snippets.shell import word

KEY_HEADER: Final = f'"Authorization: Bearer ${API_KEY}"'
_NEXT: Final = " \\\n  "
# Linux gives a program no longer argument than 128 KiB (execve(2), MAX_ARG_STRLEN).
_MAX_WORD_BYTES: Final = 100_000


def curl_render(base: str, request: Mapping[str, Any]) -> str:
    """The command that renders a request and writes the file.

    Args:
        base: address of the API.
        request: the body of `POST /v1/jobs`.
    """
    output = None if is_for_later(request) else file_name(request)
    return curl_call(word(base + path_of(request)), body=request, output=output)


def curl_call(
    address: str,
    *,
    method: str = "POST",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    output: str | None = None,
    has_key: bool = True,
    flags: str = "",
) -> str:
    """A command that makes a call.

    Args:
        address: as it is to stand in the command: quoted, if that is necessary.
        method: of the call. Without a body, curl makes a GET by itself.
        body: to be sent as JSON; None: there is none.
        headers: besides that of the key.
        output: the file that the answer is written to; None: it is printed.
        has_key: whether the call needs an API key.
        flags: more of curl's switches.
    """
    is_usual = method == ("GET" if body is None else "POST")
    words = ("curl --fail-with-body -sS", flags, "" if is_usual else f"-X {method}", address)
    parts = [" ".join(one for one in words if one)]
    if has_key:
        parts.append(f"-H {KEY_HEADER}")
    parts += [f"-H {word(f'{name}: {value}')}" for name, value in (headers or {}).items()]
    if output is not None:
        parts.append(f"-o {word(output)}")
    if body is not None:
        # `--json` would do both, but curl has it since 7.82 only.
        parts.append("-H 'Content-Type: application/json'")
        text = written(body, SHELL_JSON)
        if len(text.encode()) > _MAX_WORD_BYTES:
            parts.append(f"--data-binary @- <<'END'\n{text}\nEND")
        else:
            parts.append(f"-d '{text}'")
    return _NEXT.join(parts)
