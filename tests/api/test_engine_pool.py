"""Engine processes: real ones, with engines that behave and engines that do not."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.search.engine import Lesson, Observation
from app.search.random import draw
from app.services import engine_pool
from app.services.engine_pool import EngineFailed, EngineLate, EnginePool, HistoryChanges, SuggestRequest
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState
from tests.api import engines_for_tests as engines

pytestmark = pytest.mark.anyio

SPACE = Space.model_validate_json('{"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}')
COMMAND = (sys.executable, "-m", "tests.api.engines_for_tests")


@pytest.fixture
async def pool() -> AsyncIterator[EnginePool]:
    made = EnginePool(limit_s=30.0, memory_mb=2048, command=COMMAND)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_pool, "FIRST_PAUSE_S", 0.0)


class Story:
    """A study's history as the database would tell it: what changed after a sequence number."""

    def __init__(self, study_id: str = "st_1") -> None:
        self.study_id = study_id
        self.lines: list[tuple[int, Observation | int]] = []
        self.asked_after: list[int] = []
        self.lessons: tuple[Lesson, ...] = ()

    def tell(self, number: int, state: TrialState = TrialState.COMPLETED) -> None:
        done = state is TrialState.COMPLETED
        line = Observation(number, state, {"x": 0.5}, (1.0,) if done else None)
        self.lines.append((len(self.lines) + 1, line))

    def forget(self, number: int) -> None:
        self.lines.append((len(self.lines) + 1, number))

    async def changes_after(self, sequence: int) -> HistoryChanges:
        self.asked_after.append(sequence)
        new = [line for at, line in self.lines if at > sequence]
        return HistoryChanges(
            observations=tuple(line for line in new if isinstance(line, Observation)),
            removed=tuple(line for line in new if isinstance(line, int)),
            sequence=len(self.lines),
            lessons=self.lessons if sequence == 0 else (),
        )

    def question(self, seed: int, *, count: int = 1, name: str = "random", space_version: int = 1) -> SuggestRequest:
        return SuggestRequest(
            study_id=self.study_id,
            space_version=space_version,
            space=SPACE,
            objectives=(Objective(metric="loss"),),
            constraints=(),
            algorithm=Algorithm(name=name, seed=seed),
            count=count,
            number=0,
            max_trials=None,
            max_device_seconds=None,
            parallelism=None,
            changes_after=self.changes_after,
        )


@contextmanager
def in_a_hurry(pool: EnginePool) -> Iterator[None]:
    """Shortens the limit once the process is warm: starting one may take long on a busy machine."""
    usual, pool._limit_s = pool._limit_s, 0.2
    yield
    pool._limit_s = usual


async def pid_of(pool: EnginePool, story: Story) -> int:
    (suggestion,) = await pool.suggest(story.question(engines.PARENT))
    return int(suggestion.why.removeprefix("pid "))


async def test_a_real_engine_answers_as_it_would_in_this_process() -> None:
    pool = EnginePool(limit_s=30.0)
    try:
        suggestions = await pool.suggest(Story().question(3, count=2))
    finally:
        await pool.stop()

    assert [suggestion.parameters for suggestion in suggestions] == [draw(SPACE, 3, 0), draw(SPACE, 3, 1)]


async def test_a_history_is_sent_once_and_then_what_has_changed(pool: EnginePool) -> None:
    story = Story()
    story.tell(0)
    story.tell(1, TrialState.RUNNING)
    first = await pool.suggest(story.question(engines.COUNT))

    story.tell(1)
    story.tell(2, TrialState.WAITING)
    story.forget(0)
    second = await pool.suggest(story.question(engines.COUNT))

    assert first[0].why == "saw 0:completed,1:running"
    assert second[0].why == "saw 1:completed,2:waiting"
    assert story.asked_after == [0, 2]


async def test_a_new_version_of_the_space_begins_anew(pool: EnginePool) -> None:
    story = Story()
    story.tell(0)
    await pool.suggest(story.question(engines.COUNT))

    again = await pool.suggest(story.question(engines.COUNT, space_version=2))

    assert again[0].why == "saw 0:completed"
    assert story.asked_after == [0, 0]


@pytest.mark.catalogue("ME-033")
async def test_an_engine_that_is_late_is_killed_and_replaced(pool: EnginePool) -> None:
    story = Story()
    before = await pid_of(pool, story)

    with in_a_hurry(pool), pytest.raises(EngineLate, match=r"0\.2 s"):
        await pool.suggest(story.question(engines.SLEEP))

    assert await pid_of(pool, story) != before
    assert not is_alive(before)


async def test_a_pipe_that_is_closed_already_is_an_engine_that_ended(
    pool: EnginePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story()
    await pid_of(pool, story)
    (process,) = pool._engines
    assert process._child is not None
    assert process._child.process.stdin is not None

    def closed(_: bytes) -> None:  # as uvloop says it
        raise RuntimeError("the handler is closed")

    monkeypatch.setattr(process._child.process.stdin, "write", closed)

    process._child.process.kill()

    with pytest.raises(EngineFailed, match="ended"):
        await pool.suggest(story.question(engines.COUNT))


async def test_an_engine_that_crashes_is_replaced_and_told_everything_again(pool: EnginePool) -> None:
    story = Story()
    story.tell(0)
    await pool.suggest(story.question(engines.COUNT))

    with pytest.raises(EngineFailed, match="signal 9"):
        await pool.suggest(story.question(engines.CRASH))

    again = await pool.suggest(story.question(engines.COUNT))
    assert again[0].why == "saw 0:completed"


async def test_an_engine_that_raises_says_why_and_goes_on(pool: EnginePool) -> None:
    story = Story()
    before = await pid_of(pool, story)

    with pytest.raises(EngineFailed, match="ArithmeticError: the matrix is singular"):
        await pool.suggest(story.question(engines.RAISE))

    assert await pid_of(pool, story) == before


async def test_an_engine_that_eats_memory_gets_no_more_than_its_share(pool: EnginePool) -> None:
    story = Story()

    with pytest.raises(EngineFailed, match="out of memory"):
        await pool.suggest(story.question(engines.EAT))

    assert (await pool.suggest(story.question(engines.RANDOM)))[0].parameters == {"x": 0.5}


async def test_what_an_engine_prints_disturbs_nothing(pool: EnginePool) -> None:
    assert (await pool.suggest(Story().question(engines.PRINT)))[0].parameters == {"x": 0.5}


async def test_parameters_outside_of_the_space_are_not_believed(pool: EnginePool) -> None:
    with pytest.raises(EngineFailed, match="not in the space"):
        await pool.suggest(Story().question(engines.OUTSIDE))


async def test_fewer_suggestions_mean_that_the_space_is_used_up(pool: EnginePool) -> None:
    assert await pool.suggest(Story().question(engines.FEWER, count=3)) == ()


async def test_an_engine_has_one_thread_and_knows_no_secret(pool: EnginePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", "postgresql://user:secret@host/name")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")

    with pytest.raises(EngineFailed):
        await pool.suggest(Story().question(engines.CRASH))

    assert (await pool.suggest(Story().question(engines.RANDOM)))[0].why == "1 0"


async def test_a_question_that_waits_for_its_turn_is_answered_in_time_too(pool: EnginePool) -> None:
    await pid_of(pool, Story())
    began = time.monotonic()

    with in_a_hurry(pool):
        outcomes = await asyncio.gather(
            pool.suggest(Story().question(engines.SLEEP)),
            pool.suggest(Story("st_2").question(engines.SLEEP)),
            return_exceptions=True,
        )

    assert [type(outcome) for outcome in outcomes] == [EngineLate, EngineLate]
    assert time.monotonic() - began < 5.0  # and not the minute that they sleep


async def test_a_broken_history_is_the_asker_s_problem_and_costs_no_process(pool: EnginePool) -> None:
    story = Story()
    before = await pid_of(pool, story)

    async def broken(sequence: int) -> HistoryChanges:
        raise ConnectionError("the database has gone")

    story.changes_after = broken  # type: ignore[method-assign]  # of this one story
    with pytest.raises(ConnectionError):
        await pool.suggest(story.question(engines.RANDOM))

    del story.changes_after
    assert await pid_of(pool, story) == before


async def test_studies_are_spread_over_several_processes() -> None:
    pool = EnginePool(processes=2, limit_s=30.0, command=COMMAND)
    await pool.start()

    pids = {await pid_of(pool, Story(f"st_{n}")) for n in range(8)}
    again = {await pid_of(pool, Story("st_1")) for _ in range(3)}

    await pool.stop()
    assert len(pids) == 2
    assert len(again) == 1


async def test_a_process_forgets_the_studies_nobody_asks_about(
    pool: EnginePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_pool, "MOST_STUDIES", 2)
    stories = [Story(f"st_{n}") for n in range(4)]
    for story in stories:
        story.tell(0)
        await pool.suggest(story.question(engines.COUNT))

    again = await pool.suggest(stories[0].question(engines.COUNT))

    assert again[0].why == "saw 0:completed"
    assert stories[0].asked_after == [0, 0]


async def test_after_the_end_nothing_is_left(pool: EnginePool) -> None:
    pid = await pid_of(pool, Story())

    await pool.stop()

    assert not is_alive(pid)
    with pytest.raises(EngineFailed, match="going down"):
        await pool.suggest(Story().question(engines.RANDOM))


PARENT = """
import asyncio, structlog, sys
structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=sys.stderr))
from app.services.engine_pool import EnginePool
from tests.api.test_engine_pool import COMMAND, Story, engines, pid_of

async def main():
    pool = EnginePool(command=COMMAND, limit_s=60)
    print(await pid_of(pool, Story()), flush=True)
    await pool.suggest(Story().question(engines.SLEEP))

asyncio.run(main())
"""


def test_an_engine_dies_with_its_server_even_in_the_middle_of_a_calculation() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    )
    assert server.stdout is not None
    pid = int(server.stdout.readline())

    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()

    assert eventually(lambda: not is_alive(pid))


ROOT = Path(__file__).parents[2]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


async def test_what_earlier_studies_found_is_told_once_and_known_from_then_on() -> None:
    pool = EnginePool(limit_s=60.0, memory_mb=2048)
    await pool.start()
    story = Story()
    found = tuple(Observation(n, TrialState.COMPLETED, {"x": x}, (x,)) for n, x in enumerate((0.25, 0.75)))
    story.lessons = (Lesson("earlier", found),)
    story.tell(0, TrialState.FAILED)

    (first,) = await pool.suggest(story.question(1, name="tpe"))
    story.tell(1, TrialState.FAILED)
    (again,) = await pool.suggest(story.question(1, name="tpe"))
    await pool.stop()

    assert first.parameters == again.parameters == {"x": 0.25}
    assert story.asked_after == [0, 1]
