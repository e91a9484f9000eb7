"""The stopping rule of a study, made once for each definition."""

from functools import lru_cache

from app.search.stopping import Rule, rule
from app.storage.domain import definition_from


@lru_cache(maxsize=512)
def rule_of(definition: str) -> Rule | None:
    """The rule of a study's definition; None for none."""
    return rule(definition_from(definition).stopping)
