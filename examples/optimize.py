"""The shortest way: a function, a space, and a server that decides what to try.

Start a server with `studyhall up` and run: python examples/optimize.py
"""

from studyhall.client import Client


def evaluate(parameters, trial):
    distance = (parameters["x"] - 1) ** 2 + (parameters["y"] + 2) ** 2
    trial.report(1, distance=distance)  # in a training: once an epoch; it answers whether to go on
    return distance


client = Client()
study = client.create_study(
    "paraboloid",
    space=[
        {"name": "x", "type": "float", "low": -5, "high": 5},
        {"name": "y", "type": "float", "low": -5, "high": 5},
    ],
    objectives=[{"metric": "distance", "goal": "minimize"}],
    budget={"max_trials": 30},
    if_exists="get",
)
best = study.optimize(evaluate)
if best:
    print(f"best of {study.refresh().trials.finished} trials: {best.parameters} with {best.metrics}")
