"""Which field was meant: the closest name among those of the models that a place may hold."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel


def meant(kind: type[BaseModel], path: Sequence[str | int]) -> str | None:
    """The field that an unknown one was meant to be; None when no name is close.

    Args:
        path: where the unknown field stands below a `kind`, as pydantic tells it: tags of unions are steps too.
    """
    from difflib import get_close_matches  # only where there is a fault

    *way, name = path
    models = {kind}
    for step in way:
        models = set(_below(models, step)) or models
    close = get_close_matches(str(name), [field for model in models for field in model.model_fields], n=1)
    return close[0] if close else None


def _below(models: Iterable[type[BaseModel]], step: str | int) -> Iterator[type[BaseModel]]:
    for model in models:
        if step in model.model_fields:
            yield from _models_in(model.model_fields[str(step)].annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
