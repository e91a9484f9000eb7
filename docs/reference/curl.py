"""The request of an example as a line of curl."""

import json
import re
from typing import Final

from docs.reference.examples import Example

_PLACES: Final = {"study": "digits", "trial": "$TRIAL"}


def curl_of(method: str, path: str, example: Example, *, has_key: bool) -> str:
    """A shell command that sends the example to `path`, as the OpenAPI document writes it."""
    filled = re.sub(r"{(\w+)}", lambda place: (_PLACES | example.path)[place[1]], path)
    address = f'"$URL{filled}{"?" * bool(example.query)}{example.query}"'
    words = ["curl -sS --fail-with-body"]
    if method != "GET" and not (method == "POST" and example.body):
        words.append(f"-X {method}")
    if has_key:
        words.append('-H "Authorization: Bearer $KEY"')
    command = " ".join([*words, address])
    if example.content:
        held = "-H 'Content-Type: application/octet-stream' -H \"X-Lease-Token: $TOKEN\""
        return f"{command} \\\n  {held} --data-binary '{example.content}'"
    if example.body is None:
        return command
    return f"{command} \\\n  --json @- <<JSON\n{json.dumps(example.body)}\nJSON"
