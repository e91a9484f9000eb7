"""Saved models, for whoever uses them: load one, predict, and score it once on rows that no search has seen.

    from workers.models import load
    model = load("artifacts/st_.../7/1/model")
    model.predict(images)

From a shell, as JSON: python -m workers.models DIRECTORY
"""

import json
import sys
from dataclasses import asdict

from workers.trainables.saved_model import TestScore, TrainedModel, load_model, test_score

load = load_model

__all__ = ["TestScore", "TrainedModel", "load", "test_score"]

if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(test_score(sys.argv[1]))) + "\n")
