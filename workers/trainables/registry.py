"""The built-in trainables by name, and what makes the first step of a warm process fast."""

import contextlib

import torch

from studyhall.errors import InvalidInput
from workers.trainables import hello, image_classifier, sequence_classifier, tabular
from workers.trainables.datasets import BUNDLED, load_bundled, split_dataset
from workers.trainables.networks import CNN
from workers.trainables.optimizers import OptimizerParameters, make_optimizers
from workers.trainables.trainable import Trainable

TRAINABLES: dict[str, "Trainable"] = {  # type: ignore[type-arg] # each has parameters and settings of its own
    declared.name: declared
    for declared in (image_classifier.TRAINABLE, sequence_classifier.TRAINABLE, tabular.TRAINABLE, hello.TRAINABLE)
}


def warm_up() -> None:
    """Loads what torch loads at first use (1.7 s for the first optimizer) and reads the bundled data.

    No backward pass: it would start torch's autograd threads, and a process with threads cannot be forked. No CUDA
    call for the same reason.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CNN(channels=1, side=8, outputs=10, depth=2, width=4).build()
    model(torch.zeros(2, 1, 8, 8))
    for optimizer in make_optimizers(model, OptimizerParameters()):
        for weight in model.parameters():
            weight.grad = torch.zeros_like(weight)
        optimizer.step()
    for name in BUNDLED:
        with contextlib.suppress(InvalidInput):  # one that is not installed
            split_dataset(load_bundled(name), 0)
