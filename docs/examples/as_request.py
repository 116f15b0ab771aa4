"""Prints the request for the document in a folder: `python3 as_request.py FOLDER`.

What `request.json` says, together with the files of the folder: all of them as `files` if there is an
`index.html`; else the Markdown as `markdown`, and the style sheet as `styles`.
"""

import base64
import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
request = json.loads((folder / "request.json").read_text())
if (folder / "index.html").exists():
    request["files"] = {
        path.relative_to(folder).as_posix(): base64.b64encode(path.read_bytes()).decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "request.json"
    }
else:
    for option, pattern in (("markdown", "*.md"), ("styles", "*.css")):
        request[option] = "".join(path.read_text() for path in sorted(folder.glob(pattern)))
print(json.dumps(request))
