"""Optuna in its own environment: `python optuna_peer.py '{"kind": …, "clients": …}'` prints JSON lines."""

import datetime
import json
import multiprocessing
import os
import random
import socket
import sys
import time
import uuid
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import load
import optuna

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
DISTRIBUTIONS = {
    "x": optuna.distributions.FloatDistribution(0.0, 1.0),
    "lr": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True),
    "layers": optuna.distributions.IntDistribution(1, 8),
    "act": optuna.distributions.CategoricalDistribution(["relu", "tanh", "gelu"]),
}


class Optuna:
    """One of its storages, with the random sampler."""

    def __init__(self, kind: str, folder: str, url: str | None, database_pid: int | None) -> None:
        self.name, self.kind, self.folder, self.url = f"optuna {kind}", kind, folder, url
        self.study_name = "s" + uuid.uuid4().hex[:8]
        self.served = [database_pid] if database_pid else []
        self.proxy: Any = None

    def backend(self) -> Any:
        if self.kind in ("sqlite", "sqlite-wal"):
            options = {"connect_args": {"timeout": 120}}
            made = optuna.storages.RDBStorage(f"sqlite:///{self.folder}/{self.study_name}.db", engine_kwargs=options)
            if self.kind == "sqlite-wal":
                import sqlalchemy

                with made.engine.connect() as connection:
                    connection.execute(sqlalchemy.text("PRAGMA journal_mode=WAL"))
            return made
        if self.kind == "journal":
            from optuna.storages.journal import JournalFileBackend, JournalStorage

            return JournalStorage(JournalFileBackend(f"{self.folder}/{self.study_name}.log"))
        return optuna.storages.RDBStorage(self.url)

    def storage(self) -> Any:
        if self.kind == "grpc":
            return optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=self.port)
        return self.backend()

    def setup(self) -> None:
        if self.kind == "grpc":
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                self.port = listener.getsockname()[1]
            self.proxy = multiprocessing.get_context("spawn").Process(target=serve, args=(self.url, self.port))
            self.proxy.start()
            self.served.append(self.proxy.pid)
            time.sleep(5)
        made = self.backend()
        optuna.create_study(storage=made, study_name=self.study_name, sampler=optuna.samplers.RandomSampler())
        if hasattr(made, "engine"):
            made.engine.dispose()

    def prefill(self, n: int) -> None:
        """Inserts n finished trials in bulk, the rows that Optuna would have written."""
        import sqlalchemy as sa
        from optuna.storages._rdb import models

        made = self.backend()
        rng, at = random.Random(0), datetime.datetime(2026, 1, 1)  # noqa: DTZ001  # Optuna's columns have no zone
        texts = {name: optuna.distributions.distribution_to_json(each) for name, each in DISTRIBUTIONS.items()}
        with made.engine.begin() as connection:
            study = connection.execute(
                sa.select(models.StudyModel.study_id).where(models.StudyModel.study_name == self.study_name)
            ).scalar_one()
            top = connection.execute(
                sa.select(sa.func.coalesce(sa.func.max(models.TrialModel.trial_id), 0))
            ).scalar_one()
            for start in range(0, n, 5000):
                ids = range(top + 1 + start, top + 1 + min(n, start + 5000))
                add = lambda model, rows: connection.execute(sa.insert(model), rows)  # noqa: E731
                add(models.TrialModel, [
                    {"trial_id": i, "number": i - top - 1, "study_id": study, "state": "COMPLETE",
                     "datetime_start": at, "datetime_complete": at} for i in ids])  # fmt: skip
                add(models.TrialParamModel, [
                    {"trial_id": i, "param_name": name, "distribution_json": texts[name],
                     "param_value": each.to_internal_repr(draw(name, rng))}
                    for i in ids for name, each in DISTRIBUTIONS.items()])  # fmt: skip
                add(models.TrialValueModel, [
                    {"trial_id": i, "objective": 0, "value": rng.random(), "value_type": "FINITE"} for i in ids])  # fmt: skip  # noqa: E501  # one row
                add(models.TrialIntermediateValueModel, [
                    {"trial_id": i, "step": s, "intermediate_value": rng.random(), "intermediate_value_type": "FINITE"}
                    for i in ids for s in range(3)])  # fmt: skip
            if not self.kind.startswith("sqlite"):
                connection.execute(sa.text(
                    "select setval(pg_get_serial_sequence('trials','trial_id'), (select max(trial_id) from trials))"))  # fmt: skip  # noqa: E501  # one statement
        made.engine.dispose()

    def connect(self) -> None:
        sampler = optuna.samplers.RandomSampler()
        self.study = optuna.load_study(study_name=self.study_name, storage=self.storage(), sampler=sampler)

    def ask(self) -> Any:
        trial = self.study.ask()
        trial.suggest_float("x", 0.0, 1.0)
        trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        trial.suggest_int("layers", 1, 8)
        trial.suggest_categorical("act", ["relu", "tanh", "gelu"])
        return trial

    def report(self, trial: Any, step: int, value: float) -> None:
        trial.report(value, step)

    def tell(self, trial: Any, value: float) -> None:
        self.study.tell(trial, value)

    def reads(self) -> dict[str, float]:
        """Listing means loading all: once cold, then warm; ms."""
        at = time.perf_counter()
        self.connect()
        len(self.study.get_trials(deepcopy=False))
        cold = time.perf_counter() - at
        at = time.perf_counter()
        self.study.get_trials()[-100:]
        warm = time.perf_counter() - at
        at = time.perf_counter()
        _ = self.study.best_trial
        return {"newest 100": 1000 * warm, "newest 100, cold": 1000 * cold, "best": 1000 * (time.perf_counter() - at)}

    def pids(self) -> list[int]:
        return self.served

    def teardown(self) -> None:
        if self.proxy is not None:
            self.proxy.kill()
            self.proxy.join()


def draw(name: str, rng: random.Random) -> Any:
    values = {"x": rng.random(), "lr": 10 ** rng.uniform(-5, -1), "layers": rng.randint(1, 8), "act": "relu"}
    return values[name]


def serve(url: str, port: int) -> None:
    """The gRPC proxy's process. `get_storage` caches what a plain RDBStorage would read again for each ask."""
    optuna.storages.run_grpc_proxy_server(optuna.storages.get_storage(url), host="127.0.0.1", port=port)


def main() -> None:
    told = json.loads(sys.argv[1])
    peer = Optuna(told["kind"], told["folder"], told.get("url"), told.get("database_pid"))
    peer.setup()
    try:
        if told.get("prefill"):
            peer.prefill(told["prefill"])
        for clients in told["clients"]:
            print(json.dumps({"peer": peer.name} | load.run(peer, clients, told["seconds"])), flush=True)
        if told.get("reads"):
            print(json.dumps({"peer": peer.name, "reads": peer.reads()}), flush=True)
    finally:
        peer.teardown()
    os._exit(0)


if __name__ == "__main__":
    main()
