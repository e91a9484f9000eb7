"""Door three, a command: any program that prints its metrics as JSON lines. One line was added, marked with `<-`.

PYTHONPATH=examples/doors studyhall worker --allow python
studyhall study create examples/doors/command.json
"""

import argparse
import json
import random

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
given = parser.parse_args()

x = random.Random(given.seed).uniform(-2, 2)
for step in range(1, 21):
    x -= given.lr * 2 * (x - 1)
    print(json.dumps({"step": step, "loss": (x - 1) ** 2}), flush=True)  # <- a measurement
