"""Workers killed at random moments, a few of them; `python -m benchmarks.fleet kills` runs hundreds."""

import pytest

from tests.e2e.worker_kills import kill_workers

pytestmark = pytest.mark.slow


def test_when_workers_are_killed_every_trial_ends_once_and_nothing_acknowledged_or_running_is_left(tmp_path):
    tally = kill_workers(tmp_path, kills=4, workers=2)

    assert tally.wrong == []
    assert tally.acknowledged > tally.trials
    assert tally.processes > 0
