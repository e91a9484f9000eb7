"""What counts as JSON."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.strict_json import MAX_DEPTH, check_json, read_model
from studyhall.errors import InvalidInput, MalformedRequest
from studyhall.wire.claims import Heartbeat
from studyhall.words import Word

TOKEN = "0123456789abcdef"


class Anything(Word):
    """A model that would take whatever gets past the reader."""

    value: object = None


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a": 1} x',
        b"{'a': 1}",
        b'{"a": 1, "a": 2}',
        b'{"x": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": [Infinity]}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\x00"}',
        nested(MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    ],
)
def test_what_is_not_strict_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        check_json(body)


@pytest.mark.parametrize("escaped", [r"\ud800", r"\udfff", r"\ud800x", r"\ud800A"])
def test_a_lone_surrogate_is_malformed(escaped: str) -> None:
    with pytest.raises(MalformedRequest):
        read_model(Anything, f'{{"value": "{escaped}"}}'.encode())


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert read_model(Anything, rb'{"value": "\ud83d\ude00"}').value == "\N{GRINNING FACE}"


def test_nesting_to_the_limit_is_fine() -> None:
    check_json(nested(MAX_DEPTH))


def test_brackets_inside_of_strings_nest_nothing() -> None:
    check_json(json.dumps({"a": "[{" * 1000, 'b"]': '\\"[' * 100}).encode())


@settings(deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
        max_leaves=20,
    )
)
def test_whatever_json_can_say_is_read(value: object) -> None:
    check_json(json.dumps(value).encode())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_malformed(body: bytes) -> None:
    try:
        check_json(body)
    except MalformedRequest:
        return
    json.loads(body)


@pytest.mark.parametrize(
    "body", [b'{"' + rb"\"" * 500_000, b"[" * 1_000_000, b'"' * 1_000_000, b'{"a":"' + b"[" * 1_000_000]
)
def test_a_hostile_megabyte_is_refused_quickly(body: bytes) -> None:
    began = time.process_time()

    with pytest.raises(MalformedRequest):
        check_json(body)

    assert time.process_time() - began < 0.5


def test_a_message_says_where() -> None:
    with pytest.raises(MalformedRequest, match=r"line 2, column 3"):
        check_json(b'{"a": 1,\n  b: 2}')


def test_what_is_well_formed_and_does_not_fit_is_invalid_input() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_model(Heartbeat, json.dumps({"attempt": "1", "token": TOKEN, "extra": True}).encode())

    assert {error.pointer for error in refused.value.errors} == {"/attempt", "/extra"}
