"""Clients of the real application in this process (`tests.in_process`)."""

import pytest

PARABOLA = {
    "space": [{"name": "x", "type": "float", "low": -1, "high": 1}],
    "objectives": [{"metric": "loss", "goal": "minimize"}],
    "algorithm": {"name": "random", "seed": 1},
    "budget": {"max_trials": 5},
}


@pytest.fixture
def client(door):
    with door.client(worker="tests") as client:
        yield client


@pytest.fixture
def study(client, request):
    """A study of this test's own, named after it."""
    return client.create_study(request.node.name[:120].replace("[", "-").replace("]", ""), **PARABOLA)
