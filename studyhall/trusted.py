"""Values of models from what was checked before."""

from typing import Any, TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)

_set = object.__setattr__


def trusted(model: type[M], **fields: Any) -> M:
    """A value of a model from all of its fields, unchecked.

    Why not `model_construct`: it looks for defaults and aliases, which takes more than twice as long, and an
    answer of the server is made of a dozen such values.
    """
    value = model.__new__(model)
    _set(value, "__dict__", fields)
    _set(value, "__pydantic_fields_set__", set(fields))
    _set(value, "__pydantic_extra__", None)
    _set(value, "__pydantic_private__", None)
    return value
