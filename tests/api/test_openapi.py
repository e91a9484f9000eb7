"""The OpenAPI document: complete, truthful, and changed only on purpose.

`python -m tests.api.test_openapi` writes tests/api/openapi.json anew; look at the difference before you commit it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from app.api.application import ROUTES
from app.api.documented import describe
from studyhall.errors import every_error

SNAPSHOT = Path(__file__).with_name("openapi.json")
DOCUMENT: dict[str, Any] = describe(ROUTES, version="0.0.0")
OPERATIONS = {operation["operationId"]: operation for path in DOCUMENT["paths"].values() for operation in path.values()}


def as_text() -> str:
    return json.dumps(DOCUMENT, indent=1, sort_keys=True) + "\n"


def test_the_public_shape_has_not_changed_unnoticed() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == as_text(), "run `python -m tests.api.test_openapi` and look at it"


def test_every_route_is_documented() -> None:
    assert OPERATIONS.keys() == {route.name for route in ROUTES}
    assert all(operation["summary"] and operation["description"] for operation in OPERATIONS.values())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_says_what_it_answers(route: APIRoute) -> None:
    responses = OPERATIONS[route.name]["responses"]

    for status, response in responses.items():
        content = response.get("content", {})
        if status.startswith(("4", "5")) and (route.path, status) != ("/readyz", "503"):
            assert list(content) == ["application/problem+json"]
        elif status != "204":
            assert content
            assert all(media["schema"] != {} for media in content.values())
    assert {"400", "422", "503"} <= responses.keys()
    assert ("404" in responses) >= ("{" in route.path)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.scopes], ids=lambda route: route.name)
def test_a_route_with_a_scope_says_that_it_needs_a_key(route: APIRoute) -> None:
    operation = OPERATIONS[route.name]

    assert operation["security"] == [{"key": []}]
    assert {"401", "403", "429"} <= operation["responses"].keys()


def test_every_code_it_names_is_one_of_ours() -> None:
    named = {
        code
        for operation in OPERATIONS.values()
        for response in operation["responses"].values()
        if "application/problem+json" in response.get("content", {})
        for code in response["description"].split(", ")
    }

    assert named <= every_error().keys()


def test_references_lead_somewhere() -> None:
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.extend([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(DOCUMENT)

    known = {f"#/components/{kind}/{name}" for kind, named in DOCUMENT["components"].items() for name in named}
    assert set(found) <= known


if __name__ == "__main__":
    SNAPSHOT.write_text(as_text(), encoding="utf-8")
    sys.exit(0)
