"""A problem: a space, what is measured in it, and how good chance is at it."""

import json
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from app.search.random import draw
from studyhall.space import Space

Values: TypeAlias = tuple[float, ...]
Function: TypeAlias = Callable[..., float | Values | None]
POOL = 1000
"""Random points that say what chance finds; fewer where one costs real training."""
CACHE = Path(__file__).parent / ".cache"


@dataclass(frozen=True)
class Problem:
    """One problem. All values are minimised; None is a trial that failed."""

    name: str
    family: str
    space: Space
    function: Function
    """Parameters as keywords to a value, several values, or None."""
    best: float | None = None
    """The lowest value there is; None: unknown, the lowest ever seen stands for it."""
    noise: float = 0.0
    """Deviation of what is reported around the truth."""
    objectives: int = 1
    reference: Values = ()
    """Of several objectives: the corner that hypervolume is measured from."""
    front: tuple[Values, ...] = ()
    """Of several objectives: points close together on the best front, where it is known."""
    is_costly: bool = False
    """Real training: results are kept on disk."""

    def truth(self, parameters: dict[str, Any]) -> Values | None:
        """The values without noise."""
        if not self.is_costly:
            return _tuple(self.function(**parameters))
        key = json.dumps(parameters, sort_keys=True)
        with _cache(self.name) as kept:
            row = kept.execute("SELECT found FROM trial WHERE parameters = ?", (key,)).fetchone()
            if row is None:
                found = _tuple(self.function(**parameters))
                kept.execute("INSERT OR REPLACE INTO trial VALUES (?, ?)", (key, json.dumps(found)))
                return found
        stored = json.loads(row[0])
        return None if stored is None else tuple(stored)

    def reported(self, truth: Values | None, source: random.Random) -> Values | None:
        """The values as a trial would report them."""
        return None if truth is None else tuple(value + self.noise * source.gauss(0, 1) for value in truth)

    def pool(self) -> list[Values | None]:
        """The true values of random points, kept on disk."""
        path = CACHE / f"{self.name}.pool.json"
        if not path.exists():
            size = POOL if not self.is_costly else POOL // 4
            found = [self.truth(draw(self.space, 424242, n)) for n in range(size)]
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(found))
        return [None if values is None else tuple(values) for values in json.loads(path.read_text())]


def space(*parameters: dict[str, Any], constraints: tuple[str, ...] = ()) -> Space:
    """A space from its JSON form."""
    return Space.model_validate_json(json.dumps({"parameters": parameters, "constraints": constraints}))


def real(name: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    """A float parameter."""
    return {"name": name, "type": "float", "low": low, "high": high, **more}


def whole(name: str, low: int, high: int, **more: Any) -> dict[str, Any]:
    """An int parameter."""
    return {"name": name, "type": "int", "low": low, "high": high, **more}


def choice(name: str, *choices: Any, **more: Any) -> dict[str, Any]:
    """A categorical parameter."""
    return {"name": name, "type": "categorical", "choices": choices, **more}


def _tuple(found: float | Values | None) -> Values | None:
    return found if found is None or isinstance(found, tuple) else (float(found),)


def _cache(name: str) -> sqlite3.Connection:
    CACHE.mkdir(exist_ok=True)
    kept = sqlite3.connect(CACHE / f"{name}.sqlite", timeout=60)
    kept.execute("CREATE TABLE IF NOT EXISTS trial (parameters TEXT PRIMARY KEY, found TEXT)")
    return kept
