"""The pages of the REST reference: one for each subject, and one for the schemas."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from docs.reference.curl import curl_of
from docs.reference.examples import EXAMPLES
from docs.reference.schemas import Schema, table_of, type_of

_METHODS: Final = ("get", "post", "put", "patch", "delete")


def write_pages(document: Mapping[str, Any], directory: Path) -> None:
    """Writes the reference of an OpenAPI document as Markdown, in place of what the directory held."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    subjects = subjects_of(document)
    for subject, operations in subjects.items():
        lines = [
            f"# {subject.capitalize()}",
            "",
            *(line for each in operations for line in _operation(document, *each)),
        ]
        (directory / f"{subject}.md").write_text("\n".join(lines), encoding="utf-8")
    (directory / "schemas.md").write_text("\n".join(_schemas(document)), encoding="utf-8")
    (directory / "index.md").write_text("\n".join(_index(document, subjects)), encoding="utf-8")


def subjects_of(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Schema]]]:
    """Method, path and operation of every route, by the subject that it is tagged with."""
    subjects: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in _METHODS:
                subjects.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return dict(sorted(subjects.items()))


def _index(document: Mapping[str, Any], subjects: Mapping[str, list[tuple[str, str, Schema]]]) -> Iterator[str]:
    yield from ("# REST reference", "", document["info"]["description"], "")
    yield from (
        "The examples speak to a server at `$URL` with the key `$KEY`; `studyhall up` prints both. A trial's id is",
        "`$TRIAL`, and `$TOKEN` is the token that you made for its claim. In Python:",
        "",
        "```python",
        "from studyhall.client import Client",
        "",
        "client = Client()  # STUDYHALL_URL and STUDYHALL_KEY, or what `studyhall up` remembered",
        'study = client.study("digits")',
        "trial = study.ask()",
        "```",
        "",
        "The whole document is at `/openapi.json` of your server, for generators of clients.",
        "",
        "| | | |",
        "|---|---|---|",
    )
    for subject, operations in subjects.items():
        for method, path, operation in operations:
            yield f"| `{method}` | [`{path}`]({subject}.md#{_anchor(operation)}) | {_first_line(operation)} |"
    yield from ("", "```{toctree}", ":hidden:", *subjects, "schemas", "```", "")


def _operation(document: Mapping[str, Any], method: str, path: str, operation: Schema) -> Iterator[str]:
    yield from (f"## {operation['summary']}", "", f"`{method} {path}`", "", operation["description"], "")
    if example := EXAMPLES.get(operation["operationId"]):
        curl = curl_of(method, path, example, has_key=bool(operation.get("security")))
        yield from ("::::{container} side-by-side", "```sh", curl, "```", "")
        yield from ("```python", example.python, "```", "::::", "")
    yield from _parameters(document, operation)
    for body in operation.get("requestBody", {}).get("content", {}).values():
        yield from (f"**Body**: {type_of(body['schema'])}", "")
    yield from _answers(operation)


def _parameters(document: Mapping[str, Any], operation: Schema) -> Iterator[str]:
    known = document["components"]["parameters"]
    found = [
        known[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in operation.get("parameters", [])
    ]
    schema = {
        "properties": {each["name"]: {"description": each.get("description", ""), **each["schema"]} for each in found},
        "required": [each["name"] for each in found if each.get("required")],
    }
    if found:
        yield from table_of(schema)


def _answers(operation: Schema) -> Iterator[str]:
    yield from ("| status | answer |", "|---|---|")
    for status, response in operation["responses"].items():
        contents = {media: each.get("schema", {}) for media, each in response.get("content", {}).items()}
        if "application/problem+json" in contents:
            yield f"| {status} | {' '.join(f'`{code}`' for code in response['description'].split(', '))} |"
        else:
            told = (
                type_of(schema) if media == "application/json" else f"`{media}`" for media, schema in contents.items()
            )
            yield f"| {status} | {' or '.join(told) or 'nothing'} |"
    yield ""


def _schemas(document: Mapping[str, Any]) -> Iterator[str]:
    yield from ("# Schemas", "")
    for name, schema in document["components"]["schemas"].items():
        yield from (f"## {name}", "", *table_of(schema))


def _anchor(operation: Schema) -> str:
    return str(operation["summary"]).lower().replace(" ", "-")


def _first_line(operation: Schema) -> str:
    return str(operation["description"]).partition("\n")[0].replace("|", "\\|")
