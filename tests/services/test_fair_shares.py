"""Many studies, few workers: who gets how much."""

from collections import Counter, deque

import pytest

from app.services.telling import complete
from studyhall.wire.claims import Capabilities, Complete
from tests.databases import House, new_token

TASK = {"command": ["true"]}
CAN = Capabilities(commands=("true",))


def work(house: House, *, slots: int, ends: int) -> Counter[str]:
    """Slots that always have a trial; the oldest trial ends and its slot claims anew. Starts, by study."""
    running: deque[tuple[str, str, int]] = deque()
    starts: Counter[str] = Counter()
    for end in range(slots + ends):
        if end >= slots:
            end_oldest(house, running)
        token = new_token()
        (claimed,) = house.claim(None, token=token, capabilities=CAN)
        running.append((claimed.trial.id, token, claimed.attempt))
        starts[claimed.study.id] += 1
        house.clock.move(0.01)
    while running:
        end_oldest(house, running)
    return starts


def end_oldest(house: House, running: deque[tuple[str, str, int]]) -> None:
    trial, token, attempt = running.popleft()
    house.do(complete, trial, Complete(attempt=attempt, token=token, metrics={"loss": 1.0}))


@pytest.fixture
def house_of_many(house: House) -> list[str]:
    """Two hundred equal studies, as ids."""
    return [house.study(task=TASK).id for _ in range(200)]


def test_of_two_hundred_studies_on_eight_slots_none_starves(house: House, house_of_many: list[str]) -> None:
    starts = work(house, slots=8, ends=392)

    assert {starts[study] for study in house_of_many} == {2}


def test_a_study_of_three_times_the_priority_is_given_three_times_as_much(house: House) -> None:
    plain = [house.study(task=TASK).id for _ in range(9)]
    heavy = house.study(task=TASK, priority=3).id

    starts = work(house, slots=4, ends=236)

    assert starts[heavy] == pytest.approx(3 * starts[plain[0]], abs=2)
    assert max(starts[study] for study in plain) - min(starts[study] for study in plain) <= 1


def test_priorities_divide_what_runs_at_once(house: House) -> None:
    plain, heavy = house.study(task=TASK).id, house.study(task=TASK, priority=3).id

    for _ in range(8):
        house.claim(None, capabilities=CAN)

    assert (house.study_row(plain).running, house.study_row(heavy).running) == (2, 6)


def test_a_new_study_catches_up_on_one_turn_and_no_more(house: House) -> None:
    old = [house.study(task=TASK).id for _ in range(3)]
    work(house, slots=1, ends=59)
    new = house.study(task=TASK).id
    for study in old:
        assert house.study_row(study).turn == pytest.approx(20.0)

    starts = work(house, slots=1, ends=39)

    assert starts[new] <= min(starts[study] for study in old) + 2


def test_a_study_keeps_to_its_quota_however_high_its_priority(house: House) -> None:
    greedy = house.study(task=TASK, priority=1000, parallelism=2).id
    other = house.study(task=TASK).id

    for _ in range(8):
        house.claim(None, capabilities=CAN)

    assert (house.study_row(greedy).running, house.study_row(other).running) == (2, 6)
