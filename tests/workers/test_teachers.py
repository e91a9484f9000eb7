"""The teacher `best`: which model a trial is told to learn from."""

import asyncio
import json

import pytest

from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer


@pytest.fixture
def teacher_told(configuration, tmp_path):
    """Trains two, of which the server says that these are the best, and answers whom a third one is told to ask."""
    facts = tmp_path / "facts.json"

    def play(*, best):
        async def scene():
            server = FakeServer()
            first = [server.add(task("keeps_a_model"), loss=loss) for loss in (0.3, 0.1)]
            server.best = [first[number] for number in best]
            pupil = server.add(task("notes_its_teacher", settings={"teacher": "best"}), facts=str(facts))
            async with at_work(configuration, server):
                await server.ended(pupil)

        asyncio.run(scene())
        return json.loads(facts.read_text())

    return play


def test_the_best_trials_model_teaches(teacher_told):
    assert teacher_told(best=[1]) == "st_1/1/1/model"


def test_of_a_front_the_best_in_the_first_objective_teaches(teacher_told):
    assert teacher_told(best=[0, 1]) == "st_1/1/1/model"


def test_while_no_trial_has_a_result_nobody_is_named(teacher_told):
    assert teacher_told(best=[]) is None
