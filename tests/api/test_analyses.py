"""Analyses over HTTP, from the real analyst process."""

import asyncio
import random
import sys
from collections.abc import Callable
from typing import Any, get_args

import pytest

from app.analysis.answering import ANALYSES
from app.services.analysis_pool import AnalysisFailed, AnalysisLate, AnalysisPool
from studyhall.wire.results import Analysis, AnalysisKind
from tests.api.people import Caller

SPACE = {
    "parameters": [
        {"name": "x", "type": "float", "low": 0.0, "high": 1.0},
        {"name": "kind", "type": "categorical", "choices": ["a", None, True]},
        {"name": "depth", "type": "int", "low": 1, "high": 4, "when": "kind == 'a'"},
    ]
}


@pytest.fixture
def study(user: Caller) -> Any:
    """A study of two objectives with sixty trials, some of which failed."""
    objectives = [{"metric": "loss"}, {"metric": "gain", "goal": "maximize"}]
    made = user.make_study(name="shapes", space=SPACE, objectives=objectives)
    source = random.Random(1)
    trials = []
    for n in range(60):
        kind = source.choice(["a", None, True])
        parameters = {"x": source.random(), "kind": kind} | ({"depth": source.randint(1, 4)} if kind == "a" else {})
        metrics = {"loss": parameters["x"], "gain": source.random()}
        steps = [{"step": step, "metrics": {"loss": 1.0 / (step + 1)}} for step in range(3)]
        ended = {"state": "completed", "metrics": metrics, "measurements": steps}
        trials.append({"parameters": parameters} | (ended if n % 10 else {"state": "failed", "reason": "no memory"}))
    assert user.post(f"/v1/studies/{made['id']}/trials", {"trials": trials}).status_code == 201
    return made


@pytest.mark.parametrize("kind", sorted(ANALYSES))
def test_every_analysis_answers_columns_of_equal_length(user: Caller, study: Any, kind: str) -> None:
    answer = user.get(f"/v1/studies/shapes/analyses/{kind}")

    told = Analysis.model_validate_json(answer.content)
    assert answer.status_code == 200
    assert (told.kind, told.study, told.total) == (kind, study["id"], 60)
    assert len({len(column) for column in told.columns.values()}) <= 1
    if kind not in ("calibration", "operators", "timeline"):  # not predicted, no architecture, not run
        assert told.is_enough
        assert told.columns


def test_the_wire_and_the_analyst_know_the_same_kinds() -> None:
    assert set(get_args(AnalysisKind)) == set(ANALYSES)


def test_an_answer_is_kept_until_the_study_changes(user: Caller, study: Any) -> None:
    first = user.get("/v1/studies/shapes/analyses/edf")

    again = user.get("/v1/studies/shapes/analyses/edf", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?objective=other", "/query/objective"),
        ("?parameters=x,nobody", "/query/parameters"),
        ("?method=guess", "/query/method"),
        ("?method=forest", "/query/method"),
        ("?colour=red", "/query/colour"),
        ("?max_points=1", "/query/max_points"),
    ],
)
def test_a_question_that_does_not_fit_the_study_is_refused(user: Caller, study: Any, query: str, pointer: str) -> None:
    answer = user.get(f"/v1/studies/shapes/analyses/importance{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(("query", "method"), [("", "model"), ("?method=forest", "forest")])
def test_dependence_is_told_by_the_engines_own_model_or_by_a_forest(
    user: Caller, study: Any, query: str, method: str
) -> None:
    facts = user.get(f"/v1/studies/shapes/analyses/partial_dependence{query}").json()["facts"]

    assert facts["method"] == method
    assert len(facts["ice"]["x"]) == len(facts["ice_trials"]["x"])


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_what_stopped_trials_had_reached_is_not_taken_for_their_end(user: Caller, goal: str) -> None:
    x = [{"name": "x", "type": "float", "low": 0, "high": 1}]
    user.make_study(name="stopped", space={"parameters": x}, objectives=[{"metric": "score", "goal": goal}])
    source, sign, trials = random.Random(1), 1 if goal == "minimize" else -1, []
    for n in range(60):
        place, is_stopped = source.random(), n % 3 == 1
        course = [sign * ((place - 0.3) ** 2 + 2 / step) for step in range(1, 4 if is_stopped else 13)]
        steps = [{"step": step, "metrics": {"score": score}} for step, score in enumerate(course, 1)]
        ended = {"state": "pruned" if is_stopped else "completed", "metrics": steps[-1]["metrics"]}
        trials.append({"parameters": {"x": place}, "measurements": steps} | ended)
    assert user.post("/v1/studies/stopped/trials", {"trials": trials}).status_code == 201

    told = user.get("/v1/studies/stopped/analyses/partial_dependence").json()

    truth = [sign * ((place - 0.3) ** 2 + 2 / 12) for place in told["columns"]["place"]]
    assert told["columns"]["mean"] == pytest.approx(truth, abs=0.02)
    assert told["facts"]["explained"] > 0.95


def test_trials_of_an_earlier_space_are_read_with_the_default_of_what_came_later(user: Caller, study: Any) -> None:
    late = {"name": "late", "type": "float", "low": 0.0, "high": 1.0, "default": 0.25}
    changed = user("PATCH", "/v1/studies/shapes", json={"space": {"parameters": [*SPACE["parameters"], late]}})
    assert changed.status_code == 200

    columns = user.get("/v1/studies/shapes/analyses/slice?parameters=late").json()["columns"]

    assert set(columns["parameters.late"]) == {0.25}


def test_there_is_no_analysis_of_another_name(user: Caller, study: Any) -> None:
    assert user.get("/v1/studies/shapes/analyses/horoscope").status_code == 404


def test_others_do_not_see_it(caller: Callable[..., Caller], study: Any) -> None:
    assert caller("reader", "elsewhere").get("/v1/studies/shapes/analyses/edf").status_code == 404


def test_a_study_without_trials_says_how_many_it_takes(user: Caller) -> None:
    user.make_study(name="empty")

    told = user.get("/v1/studies/empty/analyses/importance").json()

    assert (told["is_enough"], told["columns"], told["used"]) == (False, {}, 0)
    assert str(told["needed"]) in told["note"]


CRASHES = "import sys; sys.stdin.buffer.read(4); sys.exit(3)"
SLEEPS = "import sys, time; sys.stdin.buffer.read(4); time.sleep(60)"


@pytest.mark.parametrize(
    ("program", "error"), [(CRASHES, AnalysisFailed), (SLEEPS, AnalysisLate)], ids=["crashes", "hangs"]
)
def test_an_analyst_that_fails_is_an_error_and_not_the_end(program: str, error: type[Exception]) -> None:
    async def ask_twice() -> None:
        pool = AnalysisPool(limit_s=0.5, command=(sys.executable, "-c", program))
        try:
            for _ in range(2):
                with pytest.raises(error):
                    await pool.analyse(b"{}")
        finally:
            await pool.stop()

    asyncio.run(ask_twice())


SAYS_WHO = """
import os, sys
while sys.stdin.buffer.read(4):
    sys.stdin.buffer.read(2)
    told = b"\\0" + str(os.getpid()).encode()
    sys.stdout.buffer.write(len(told).to_bytes(4, "big") + told)
    sys.stdout.buffer.flush()
"""


def test_the_analyst_that_was_started_ahead_answers_the_question() -> None:
    async def ask() -> tuple[bytes, bytes]:
        pool = AnalysisPool(command=(sys.executable, "-c", SAYS_WHO))
        try:
            await pool.prepare()
            assert pool._process is not None
            return str(pool._process.pid).encode(), await pool.analyse(b"{}")
        finally:
            await pool.stop()

    ahead, answered = asyncio.run(ask())

    assert ahead == answered
