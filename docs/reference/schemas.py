"""JSON schemas as Markdown: a type in a few words, and an object as a table of its fields."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def type_of(schema: Schema) -> str:
    """A type in a few words, with links to the schemas that it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](schemas.md#{name.lower()})"
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return " ".join(_code(value) for value in schema["enum"])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(type_of(choice) for choice in choices if choice.get("type") != "null")
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if kind == "object":
        (values,) = list(schema.get("patternProperties", {}).values()) or [schema.get("additionalProperties")]
        return f"object of {type_of(values)}" if isinstance(values, Mapping) else "object"
    return f"{kind}{_bounds(schema)}"


def table_of(schema: Schema) -> Iterator[str]:
    """The lines of a table of an object's fields; of another schema, one line."""
    if description := schema.get("description"):
        yield from (description, "")
    if "properties" not in schema:
        yield from (type_of(schema), "")
        return
    yield from ("| field | type | default | |", "|---|---|---|---|")
    for name, each in schema["properties"].items():
        default = "required" if name in schema.get("required", ()) else _default(each)
        yield f"| `{name}` | {_cell(type_of(each))} | {_cell(default)} | {_cell(each.get('description', ''))} |"
    yield ""


def _bounds(schema: Schema) -> str:
    low = next(
        (f"{sign} {schema[name]:g}" for name, sign in (("minimum", "≥"), ("exclusiveMinimum", ">")) if name in schema),
        "",
    )
    high = next(
        (f"{sign} {schema[name]:g}" for name, sign in (("maximum", "≤"), ("exclusiveMaximum", "<")) if name in schema),
        "",
    )
    length = f"up to {schema['maxLength']} characters" if "maxLength" in schema else ""
    said = [word for word in (schema.get("format", ""), low, high, length) if word]
    return f" ({', '.join(said)})" if said else ""


def _default(schema: Schema) -> str:
    default = schema.get("default")
    return "" if default in (None, "", [], {}) else _code(default)


def _code(value: Any) -> str:
    return f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
