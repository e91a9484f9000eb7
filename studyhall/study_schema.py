"""The JSON schema of study files: for editors, and for checks before anything is sent."""

from typing import Any, Final

from studyhall.wire.studies import CreateStudy

SCHEMA_PATH: Final = "/v1/schemas/study.json"
"""Where every server tells it, without a key: editors have none."""


def study_schema() -> dict[str, Any]:
    """What a study file may hold; a file may also name its schema, as `$schema`."""
    schema = CreateStudy.model_json_schema()
    named = {"$schema": {"type": "string", "description": "The address of this schema; editors read it."}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Studyhall study",
        "description": "A study: what to search, what for, with which budget, and what a worker runs.",
        "properties": named | schema["properties"],
    }
