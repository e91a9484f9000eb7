"""Suggestions on their way from an engine to those who wait, with an engine that the test speaks for."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from app.search.engine import Suggestion
from app.search.random import draw
from app.services.convergence import check_convergence, weigh
from app.services.engine_pool import EngineFailed, EngineLate, SuggestRequest
from app.services.moves import ANSWERS_TO_CONVERGE, settle
from app.services.services import Services
from app.services.studies import create_study
from app.services.suggesting import Plan, ahead, make_plan
from app.services.telling import complete
from app.storage import reader
from app.storage.domain import study_from
from app.storage.rows import StudyRow
from app.storage.transaction import Transaction
from studyhall.errors import InvalidInput
from studyhall.study import Study
from studyhall.trial import Prediction
from studyhall.wire.claims import Claim, Claimed, Complete
from studyhall.wire.studies import CreateStudy
from tests.databases import ADMIN, SPACE, House, new_token

pytestmark = pytest.mark.anyio


class SpokenPool:
    """Suggests random points, remembers what it was asked, and fails or waits when it is told to."""

    alive = 1

    def __init__(self) -> None:
        self.requests: list[SuggestRequest] = []
        self.histories: list[list[int]] = []
        self.error: Exception | None = None
        self.go = asyncio.Event()
        self.go.set()
        self.fewer = 0
        self.predicted: Prediction | None = None
        self.parent: int | None = None

    async def suggest(self, request: SuggestRequest) -> tuple[Suggestion, ...]:
        self.requests.append(request)
        changes = await request.changes_after(0)
        self.histories.append([o.number for o in changes.observations if o.number not in request.hidden])
        await self.go.wait()
        if self.error is not None:
            raise self.error
        numbers = range(request.number, request.number + request.count - self.fewer)
        return tuple(
            Suggestion(draw(request.space, 1, n), "model", "spoken", self.predicted, self.parent) for n in numbers
        )

    async def predict(self, request: SuggestRequest) -> tuple[Prediction, ...]:
        raise EngineFailed("there is no engine in this test")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pool() -> SpokenPool:
    return SpokenPool()


@pytest.fixture
async def services(database_url: str, pool: SpokenPool) -> AsyncIterator[Services]:
    made = Services(database_url, pool)
    await made.start()
    yield made
    await made.stop()


async def study(services: Services, **fields: object) -> Study:
    body = {"name": new_token(), "space": SPACE, "objectives": [{"metric": "loss"}], "algorithm": {"name": "sobol"}}
    request = CreateStudy.model_validate_json(json.dumps(body | fields))
    made, _ = await services.write(lambda tx: create_study(tx, ADMIN, request))
    return made


def waiting_of(services: Services, study_id: str) -> int:
    row = services.database.read_now(lambda connection: reader.study_by_id(connection, study_id))
    return -1 if row is None else row.waiting


async def until(condition: Callable[[], bool]) -> None:
    """Lets the other tasks run until something is so; the test's own time-out is the bound."""
    while not condition():  # noqa: ASYNC110  # nothing tells when a plain condition comes true
        await asyncio.sleep(0)


async def claim(services: Services, study_id: str, *, count: int = 1, wait_s: float = 20.0) -> Claimed | None:
    request = Claim(token=new_token(), worker="w", study=study_id, count=count, wait_s=wait_s)
    claimed, _ = await services.claim(ADMIN, request)
    return claimed


async def test_a_claim_waits_for_the_engine_and_gets_its_suggestion(services: Services, pool: SpokenPool) -> None:
    made = await study(services)

    claimed = await claim(services, made.id)

    assert claimed is not None
    assert (claimed.trials[0].trial.source, claimed.trials[0].trial.why) == ("model", "spoken")
    assert len(pool.requests) == 1


async def test_a_trial_is_told_whose_weights_it_starts_from(services: Services, pool: SpokenPool) -> None:
    made = await study(services, algorithm={"name": "sobol", "ahead": 0})
    await claim(services, made.id)
    pool.parent = 0

    claimed = await claim(services, made.id)

    assert claimed is not None
    assert claimed.trials[0].trial.parent == 0


async def test_claims_that_gather_while_an_engine_thinks_become_one_call(services: Services, pool: SpokenPool) -> None:
    made = await study(services, algorithm={"name": "sobol", "ahead": 0})
    pool.go.clear()
    claims = [asyncio.create_task(claim(services, made.id)) for _ in range(8)]
    await until(lambda: len(pool.requests) > 0)
    await until(lambda: sum(len(f.demand) for f in services.suggesting._followed.values()) == 8)
    pool.go.set()

    claimed = await asyncio.gather(*claims)

    assert len({c.trials[0].trial.id for c in claimed if c is not None}) == 8
    # The first call may have left before the others came, and a third may leave before a served claim has said so.
    assert len(pool.requests) <= 3


async def test_the_engine_sees_what_is_running(services: Services, pool: SpokenPool) -> None:
    made = await study(services)
    await claim(services, made.id)

    await claim(services, made.id)

    assert pool.histories == [[], [0]]


@pytest.mark.parametrize("error", [EngineLate("no suggestion within 5 s"), EngineFailed("ValueError: singular")])
async def test_chance_answers_when_the_engine_does_not(services: Services, pool: SpokenPool, error: Exception) -> None:
    made = await study(services)
    pool.error = error

    claimed = await claim(services, made.id)

    assert claimed is not None
    assert claimed.trials[0].trial.source == "fallback"
    assert str(error) in (claimed.trials[0].trial.why or "")


async def test_a_claim_that_does_not_wait_gets_nothing_and_the_next_one_gets_it(
    services: Services, pool: SpokenPool
) -> None:
    made = await study(services)

    first = await claim(services, made.id, wait_s=0.0)
    second = await claim(services, made.id)

    assert first is None
    assert second is not None


async def test_who_gets_nothing_is_told_how_many_trials_the_engine_is_making(
    services: Services, pool: SpokenPool
) -> None:
    made = await study(services)
    pool.go.clear()

    claimed, handed = await services.claim(ADMIN, Claim(token=new_token(), worker="w", study=made.id, count=2))

    assert (claimed, handed.pending) == (None, 2)


async def test_a_study_completes_when_its_engine_has_nothing_left(services: Services, pool: SpokenPool) -> None:
    made = await study(services)
    pool.fewer = 1

    claimed, handed = await services.claim(ADMIN, Claim(token=new_token(), worker="w", study=made.id, wait_s=20.0))

    assert (claimed, handed.study_state, handed.pending) == (None, "completed", 0)


async def test_a_claim_ends_when_its_study_does(services: Services, pool: SpokenPool) -> None:
    made = await study(services, budget={"max_trials": 1}, algorithm={"name": "random"})
    token = new_token()
    first, _ = await services.claim(ADMIN, Claim(token=token, worker="w", study=made.id))
    assert first is not None
    waiting = asyncio.create_task(claim(services, made.id, wait_s=60.0))
    await asyncio.sleep(0)
    told = Complete(attempt=1, token=token, metrics={"loss": 1.0})

    await services.write(lambda tx: complete(tx, ADMIN, first.trials[0].trial.id, told))

    assert await asyncio.wait_for(waiting, 10) is None


async def test_suggestions_kept_ready_are_made_anew_after_a_result(services: Services, pool: SpokenPool) -> None:
    made = await study(services, algorithm={"name": "sobol", "ahead": 1})
    token = new_token()
    first, _ = await services.claim(ADMIN, Claim(token=token, worker="w", study=made.id))
    assert first is not None
    await until(lambda: waiting_of(services, made.id) == 1)
    told = Complete(attempt=1, token=token, metrics={"loss": 1.0})

    await services.write(lambda tx: complete(tx, ADMIN, first.trials[0].trial.id, told))
    await until(lambda: any(request.hidden for request in pool.requests))

    request = next(request for request in pool.requests if request.hidden)
    assert (request.hidden, request.number, request.count) == ((1,), 1, 1)
    assert waiting_of(services, made.id) == 1


def test_those_who_wait_come_before_what_is_kept_ready(house: House) -> None:
    row = house.study_row(house.study(algorithm={"name": "sobol", "ahead": 2}, budget={"max_trials": 10}).id)

    assert make_plan(row, [], wanted=3) == Plan(3)
    assert make_plan(row, [], wanted=0) == Plan(2)
    row.waiting, row.last_result = 2, 7
    assert make_plan(row, [(4, 5), (5, 9)], wanted=0) == Plan(0, stale=(4,))


def test_few_workers_get_fresh_suggestions(house: House) -> None:
    row = house.study_row(house.study(algorithm={"name": "sobol"}).id)

    found = []
    for row.running in (0, 2, 3, 7, 100):
        found.append(ahead(row))  # the row changes between the calls

    assert found == [0, 0, 1, 2, 8]


async def test_a_server_without_engines_is_served_by_an_engine_process_elsewhere(postgres_url: str) -> None:
    pool = SpokenPool()
    server, engine = Services(postgres_url, None), Services(postgres_url, pool)
    await server.start()
    await engine.start()
    made = await study(server)

    claimed = await claim(server, made.id)

    assert claimed is not None
    assert claimed.trials[0].trial.why == "spoken"
    await server.stop()
    await engine.stop()


async def predicting(services: Services, **fields: object) -> Study:
    return await study(services, algorithm={"name": "bayes", "seed": 1, "ahead": 0}, **fields)


async def answered(services: Services, made: Study, loss: float) -> None:
    token = new_token()
    claimed, _ = await services.claim(ADMIN, Claim(token=token, worker="w", study=made.id, wait_s=20.0))
    if claimed is not None:
        ended = Complete(token=token, attempt=1, metrics={"loss": loss})
        await services.write(lambda tx: complete(tx, ADMIN, claimed.trials[0].trial.id, ended))


def row_of(services: Services, made: Study) -> StudyRow:
    row = services.database.read_now(lambda connection: reader.study_by_id(connection, made.id))
    assert row is not None
    return row


async def weighed(services: Services, made: Study, *means: float) -> StudyRow:
    """The study after one answer of an engine for each predicted mean."""

    def answer(tx: Transaction, mean: float) -> None:
        study = tx.study(made.id)
        assert study is not None
        predicted = Prediction(mean={"loss": mean}, deviation={"loss": 0.01})
        weigh(tx, study, [Suggestion({"x": 0.5}, "model", "spoken", predicted)])
        settle(tx, study)

    for mean in means:
        await services.write(partial(answer, mean=mean))
    return row_of(services, made)


async def test_a_study_has_converged_when_answers_in_a_row_promise_less_than_is_worth_it(services: Services) -> None:
    made = await predicting(services, budget={"min_improvement": 0.01})
    await answered(services, made, 0.5)

    row = await weighed(services, made, *[0.6] * (ANSWERS_TO_CONVERGE - 1))
    assert row.state == "active"

    row = await weighed(services, made, 0.6)
    assert (row.state, row.reason) == ("completed", "converged")
    assert row.expected_improvement is not None
    assert row.expected_improvement < 1e-6


async def test_one_answer_that_promises_enough_starts_the_count_anew(services: Services) -> None:
    made = await predicting(services, budget={"min_improvement": 0.01})
    await answered(services, made, 0.5)

    row = await weighed(services, made, 0.6, 0.6, 0.6, 0.6, 0.4, 0.6, 0.6, 0.6, 0.6)

    assert (row.state, row.converging) == ("active", 4)


async def test_suggestions_on_their_way_to_claims_are_held_against_what_is_worth_it(
    services: Services, pool: SpokenPool
) -> None:
    made = await predicting(services, budget={"min_improvement": 0.01})
    await answered(services, made, 0.5)

    pool.predicted = Prediction(mean={"loss": 0.6}, deviation={"loss": 0.01})
    for _ in range(ANSWERS_TO_CONVERGE):
        if row_of(services, made).state == "active":
            await answered(services, made, 0.6)

    assert row_of(services, made).reason == "converged"


async def test_without_a_limit_the_estimate_is_told_and_nothing_ends(services: Services, pool: SpokenPool) -> None:
    made = await predicting(services)
    await answered(services, made, 0.5)

    pool.predicted = Prediction(mean={"loss": 0.4}, deviation={"loss": 0.0})
    await answered(services, made, 0.6)

    assert study_from(row_of(services, made)).expected_improvement == pytest.approx(0.1)


@pytest.mark.parametrize(
    "fields", [{"algorithm": {"name": "tpe"}}, {"objectives": [{"metric": "loss"}, {"metric": "cost"}]}]
)
def test_convergence_is_refused_where_nothing_could_tell_it(fields: dict[str, object]) -> None:
    body = {"name": "s", "space": SPACE, "objectives": [{"metric": "loss"}], "budget": {"min_improvement": 0.1}}
    request = CreateStudy.model_validate_json(json.dumps(body | fields))

    with pytest.raises(InvalidInput) as refused:
        check_convergence(request)

    assert [fault.pointer for fault in refused.value.errors] == ["/budget/min_improvement"]
