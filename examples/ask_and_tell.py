"""Ask and tell: your loop, your machines, your training; the server keeps the leases and decides what to try.

Start a server with `studyhall up` and run this as often as you like, also at the same time and from other machines
(STUDYHALL_URL and STUDYHALL_KEY tell it where): all of them work on the same study.
"""

from studyhall.client import Client
from studyhall.errors import StudyEnded

client = Client()
study = client.create_study(
    "curves",
    space={
        "parameters": [
            {"name": "lr", "type": "float", "low": 1e-4, "high": 1, "scale": "log"},
            {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]},
            {"name": "momentum", "type": "float", "low": 0, "high": 0.99, "when": "optimizer == 'sgd'"},
        ]
    },
    objectives=[{"metric": "loss", "goal": "minimize"}],
    budget={"max_trials": 20},
    if_exists="get",
)


def losses(parameters, epochs=5):
    """Stands for a training: yields the loss after each epoch."""
    loss = 1.0
    for _ in range(epochs):
        loss *= 1 - min(parameters["lr"] * (1 + parameters.get("momentum", 0.5)), 1.5) / 2
        yield abs(loss)


while True:
    try:
        trial = study.ask()
    except StudyEnded:
        break
    with trial:
        for epoch, loss in enumerate(losses(trial.parameters), start=1):
            if not trial.report(epoch, loss=loss):
                break
        trial.complete()
    print(f"trial {trial.number}: {trial.trial.state}, {trial.trial.metrics}")

print(study.best())
