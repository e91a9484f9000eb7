"""OSS Vizier in its own environment: its gRPC server on SQLite, random search; one JSON line a measurement."""

import json
import multiprocessing
import os
import socket
import sys
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import load


class Vizier:
    """Its server, and a study."""

    name = "vizier sqlite"

    def __init__(self, folder: str) -> None:
        self.file, self.id = f"{folder}/vizier-{uuid.uuid4().hex[:8]}.db", uuid.uuid4().hex[:8]

    def setup(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        self.process = context.Process(target=serve, args=(port, self.file, answers))
        self.process.start()
        self.endpoint = answers.get(timeout=180)
        maker = context.Process(target=make, args=(self.endpoint, self.id))
        maker.start()
        maker.join()

    def connect(self) -> None:
        from vizier.service import clients

        clients.environment_variables.server_endpoint = self.endpoint
        self.study = clients.Study.from_resource_name(f"owners/bench/studies/{self.id}")

    def ask(self) -> Any:
        return self.study.suggest(count=1, client_id=f"w{os.getpid()}")[0]

    def report(self, trial: Any, step: int, value: float) -> None:
        from vizier.service import pyvizier

        trial.add_measurement(pyvizier.Measurement(metrics={"loss": value}, steps=step))

    def tell(self, trial: Any, value: float) -> None:
        from vizier.service import pyvizier

        trial.complete(pyvizier.Measurement(metrics={"loss": value}))

    def pids(self) -> list[int]:
        return [self.process.pid]

    def teardown(self) -> None:
        self.process.kill()
        self.process.join()


def serve(port: int, file: str, answers: Any) -> None:
    from vizier.service import servers

    server = servers.DefaultVizierServer(host="127.0.0.1", port=port, database_url=f"sqlite:///{file}")
    answers.put(server.endpoint)
    while True:
        time.sleep(60)


def make(endpoint: str, id: str) -> None:
    from vizier.service import clients, pyvizier

    clients.environment_variables.server_endpoint = endpoint
    config = pyvizier.StudyConfig(algorithm="RANDOM_SEARCH")
    root = config.search_space.root
    root.add_float_param("x", 0.0, 1.0)
    root.add_float_param("lr", 1e-5, 1e-1, scale_type=pyvizier.ScaleType.LOG)
    root.add_int_param("layers", 1, 8)
    root.add_categorical_param("act", ["relu", "tanh", "gelu"])
    config.metric_information.append(pyvizier.MetricInformation("loss", goal=pyvizier.ObjectiveMetricGoal.MINIMIZE))
    clients.Study.from_study_config(config, owner="bench", study_id=id)


def main() -> None:
    told = json.loads(sys.argv[1])
    peer = Vizier(told["folder"])
    peer.setup()
    try:
        for clients in told["clients"]:
            print(json.dumps({"peer": peer.name} | load.run(peer, clients, told["seconds"])), flush=True)
    finally:
        peer.teardown()
    os._exit(0)


if __name__ == "__main__":
    main()
