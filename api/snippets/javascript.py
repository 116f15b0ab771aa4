"""A render with `fetch`, as a module for Node.js: in a web page, everybody could read the key."""

from collections.abc import Mapping
from typing import Any

from api.snippets.literals import JAVASCRIPT, json_string, written
from api.snippets.render_call import API_KEY, file_name, is_for_later, path_of


def javascript_render(base: str, request: Mapping[str, Any]) -> str:
    """A module that renders a request and writes the file; arguments as of `curl_render`."""
    writes = not is_for_later(request)
    lines = [
        *(['import { writeFile } from "node:fs/promises";', ""] if writes else []),
        f"const answer = await fetch({json_string(base + path_of(request))}, {{",
        '  method: "POST",',
        "  headers: {",
        f"    Authorization: `Bearer ${{process.env.{API_KEY}}}`,",
        '    "Content-Type": "application/json",',
        "  },",
        f"  body: JSON.stringify({written(request, JAVASCRIPT, indent='  ')}),",
        "});",
        "if (!answer.ok) throw new Error(await answer.text());",
    ]
    if writes:
        lines.append(f'await writeFile("{file_name(request)}", Buffer.from(await answer.arrayBuffer()));')
    else:
        lines.append("console.log((await answer.json()).id);")
    return "\n".join(lines)
