"""Time weighed against what is expected, while there is time left."""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from app.search.bayes.costs import Costs, costs_of
from app.search.encoding import encoding_of
from app.search.engine import History, Observation
from app.search.evidence import evidence_of
from app.search.likeness import features
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState

SPACE = Space.model_validate_json(
    json.dumps({"parameters": [{"name": n, "type": "float", "low": 0, "high": 1} for n in ("size", "other")]})
)


def wide(size: float) -> float:
    return 10.0 * math.exp(4.0 * size)


def history(seconds: Callable[[float], float] = wide, *, limit: float | None = 1e6, trials: int = 20) -> History:
    """Trials all over the space, as good everywhere but for a little."""
    places = np.random.default_rng(3).random((trials, 2))
    return History(
        (Objective(metric="loss"),),
        tuple(
            Observation(
                n, TrialState.COMPLETED, {"size": float(s), "other": float(o)}, ((o - 0.5) ** 2,), seconds=seconds(s)
            )
            for n, (s, o) in enumerate(places)
        ),
        max_device_seconds=limit,
    )


def costs(given: History, weighing: str = "auto") -> Costs | None:
    return costs_of(evidence_of(encoding_of(SPACE), given), weighing)  # type: ignore[arg-type]  # a word of three


def test_what_takes_longer_weighs_more() -> None:
    found = costs(history())
    assert found is not None

    encoding = encoding_of(SPACE)
    small, large = found.log_weight(features(encoding, np.array([[0.1, 0.5], [0.9, 0.5]])))

    assert large - small == pytest.approx(found.weight * 4.0 * 0.8, rel=0.2)


def test_time_weighs_less_the_less_of_it_is_left() -> None:
    given = history()
    spent = sum(o.seconds or 0.0 for o in given.observations)

    weights = [found.weight for limit in (1.5, 4.0) if (found := costs(history(limit=limit * spent)))]

    assert weights == pytest.approx([1 / 3, 3 / 4])
    assert costs(history(limit=spent)) is None


def test_time_counts_only_where_it_is_limited_and_differs_widely() -> None:
    assert costs(history(limit=None)) is None
    assert costs(history(lambda size: 10.0 + size)) is None
    assert costs(history(trials=7)) is None


def test_it_may_be_made_to_count_always_or_never() -> None:
    assert costs(history(limit=None), "always") is not None
    assert costs(history(), "never") is None


@pytest.mark.parametrize("name", ["bayes", "auto"])
def test_with_time_to_spare_cheap_points_come_first(name: str) -> None:
    def sizes(**options: str) -> float:
        suggest = engine(Algorithm(name=name, options=dict(options)))
        found = suggest(SPACE, history(), 4, seed=1, number=20)
        return float(np.mean([s.parameters["size"] for s in found]))

    assert sizes() < 0.3 < sizes(costs="never")


def test_a_suggestion_says_that_time_was_weighed() -> None:
    suggest = engine(Algorithm(name="bayes"))

    assert "for its time" in suggest(SPACE, history(), 1, seed=1, number=20)[0].why
