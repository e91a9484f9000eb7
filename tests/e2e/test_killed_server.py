"""A server killed with -9 under load and started again: whatever it has acknowledged is there."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from studyhall.client import Client
from studyhall.errors import StudyEnded
from studyhall.home import read_key
from studyhall.transport import Connection

CLIENTS = 4
TRIALS = 240
KILL_AT = (40, 120)
pytestmark = pytest.mark.slow


class Load:
    """Clients that evaluate trials as fast as they can and keep what the server has acknowledged."""

    def __init__(self, house, study_id):
        self._house = house
        self._study_id = study_id
        self._lock = threading.Lock()
        self.acknowledged = {}
        self.reached = {count: threading.Event() for count in KILL_AT}
        self.server_is_up = threading.Event()
        self.server_is_up.set()

    def work(self, name):
        key = read_key(self._house.directory / "key")
        connection = Connection(self._house.url, key, patience_s=120, sleep=self._wait_for_the_server)
        with Client(connection=connection, worker=name) as client:
            study = client.study(self._study_id)
            try:
                while True:
                    with study.ask() as trial:
                        value = trial.parameters["x"] ** 2
                        trial.report(1, loss=value)
                        self._keep(trial.complete(value))
            except StudyEnded:
                return

    def _wait_for_the_server(self, pause_s):
        self.server_is_up.wait(timeout=pause_s + 30)

    def _keep(self, trial):
        with self._lock:
            self.acknowledged[trial.id] = (trial.number, trial.metrics)
            for count, reached in self.reached.items():
                if len(self.acknowledged) >= count:
                    reached.set()


def test_every_acknowledged_result_survives_two_kills_of_the_server(house):
    study = house.client.create_study(
        "survivor",
        [{"name": "x", "type": "float", "low": -1, "high": 1}],
        {"metric": "loss"},
        algorithm={"name": "random", "seed": 1},
        budget={"max_trials": TRIALS},
    )
    load = Load(house, study.id)

    with ThreadPoolExecutor(CLIENTS) as pool:
        working = [pool.submit(load.work, f"client-{number}") for number in range(CLIENTS)]
        for reached in load.reached.values():
            assert reached.wait(60)
            load.server_is_up.clear()
            house.kill_server()
            house.start_server()
            load.server_is_up.set()
        for done in working:
            done.result(90)

    stored = {trial.id: (trial.number, trial.metrics) for trial in study.trials(page_size=500)}
    assert stored == load.acknowledged
    assert sorted(number for number, _ in stored.values()) == list(range(TRIALS))
    assert study.refresh().trials.completed == TRIALS
