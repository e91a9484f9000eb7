"""What answers have in common: pages of lists, and problems."""

from typing import Generic, TypeVar

from studyhall.words import Word

T = TypeVar("T")


class Page(Word, Generic[T]):
    """One page of a list; `next_cursor` asks for the next one and is absent on the last."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class FieldProblem(Word):
    """One fault of one field."""

    pointer: str
    message: str


class Problem(Word):
    """RFC 9457 `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldProblem, ...] = ()
    request_id: str | None = None
