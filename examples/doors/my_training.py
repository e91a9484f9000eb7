"""Door two, a Python function: a training loop that became a trial by three lines, marked with `<-`.

studyhall worker --allow my_training:train --path examples/doors
studyhall study create examples/doors/entry_point.json
"""

import random


def train(params, trial):  # <- takes the parameters and the trial
    rng = random.Random(trial.seed)
    x = rng.uniform(-2, 2)
    for step in range(1, 21):
        x -= params["lr"] * 2 * (x - 1)
        loss = (x - 1) ** 2
        if not trial.report(step, loss=loss):  # <- tells the loss, and ends when the search wants no more of it
            break
    return {"loss": loss}  # <- what counts
