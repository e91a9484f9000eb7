"""The optimizers on offer, by name: torch's own, and Muon paired with AdamW for what Muon cannot take."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import nn, optim

from workers.trainables.trainable import Declared

OptimizerName = Literal[
    "sgd", "rmsprop", "adam", "adamw", "nadam", "radam", "adagrad", "adadelta", "adamax", "asgd", "adafactor", "muon"
]
Groups = list[dict[str, Any]]


class OptimizerParameters(Declared):
    """Which optimizer, and its knobs; a knob of another optimizer is allowed and does nothing."""

    optimizer: OptimizerName = "adamw"
    """muon optimizes the hidden matrices (an mlp's) and leaves the rest to AdamW at the same learning rate."""
    lr: Annotated[float, Field(gt=0, le=1000)] = 0.003
    """The highest learning rate of the schedule."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    """On weights of two dimensions and more, never on biases and normalisation."""
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    """For sgd (by default 0.9; 0 is plain SGD), rmsprop (0) and muon (0.95)."""
    nesterov: bool = False
    """For sgd with momentum, and for muon."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """For adam, adamw, nadam, radam, adamax and the AdamW beside muon."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """For the same, and not for adafactor."""
    rho: Annotated[float, Field(ge=0, lt=1)] | None = None
    """How slowly squared gradients are forgotten: for rmsprop (by default 0.99) and adadelta (0.9)."""


def make_optimizers(model: nn.Module, chosen: OptimizerParameters) -> list[optim.Optimizer]:
    """One optimizer, or two where one cannot take every weight; step them all."""
    if chosen.optimizer == "muon":
        return _muon_and_adamw(model, chosen)
    return [_MAKERS[chosen.optimizer](_groups(list(model.parameters()), chosen.weight_decay), chosen)]


def _groups(weights: list[nn.Parameter], weight_decay: float) -> Groups:
    decayed = [weight for weight in weights if weight.ndim >= 2]
    others = [weight for weight in weights if weight.ndim < 2]
    return [
        {"params": group, "weight_decay": decay} for group, decay in ((decayed, weight_decay), (others, 0.0)) if group
    ]


def _muon_and_adamw(model: nn.Module, chosen: OptimizerParameters) -> list[optim.Optimizer]:
    names = _hidden_matrices(model)
    matrices = [weight for name, weight in model.named_parameters() if name in names]
    others = [weight for name, weight in model.named_parameters() if name not in names]
    found: list[optim.Optimizer] = [_adamw(_groups(others, chosen.weight_decay), chosen)] if others else []
    if matrices:
        momentum = 0.95 if chosen.momentum is None else chosen.momentum
        found.append(
            optim.Muon(
                matrices, chosen.lr, chosen.weight_decay, momentum, chosen.nesterov, adjust_lr_fn="match_rms_adamw"
            )
        )
    return found


def _hidden_matrices(model: nn.Module) -> list[str]:
    # Muon's authors leave the first and the last layer to AdamW (Jordan 2024); torch's Muon takes matrices only.
    linear = [f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return linear[1:-1] if len(linear) > 2 else linear[:-1]


def _sgd(groups: Groups, chosen: OptimizerParameters) -> optim.Optimizer:
    momentum = 0.9 if chosen.momentum is None else chosen.momentum
    return optim.SGD(groups, chosen.lr, momentum, nesterov=chosen.nesterov and momentum > 0, fused=True)


def _rmsprop(groups: Groups, chosen: OptimizerParameters) -> optim.Optimizer:
    return optim.RMSprop(groups, chosen.lr, 0.99 if chosen.rho is None else chosen.rho, momentum=chosen.momentum or 0.0)


def _adamw(groups: Groups, chosen: OptimizerParameters) -> optim.Optimizer:
    return optim.AdamW(groups, chosen.lr, (chosen.beta1, chosen.beta2), fused=True)


# Fused where torch has it for CPU and GPU: small networks spend less time in Python.
_MAKERS: dict[str, Callable[[Groups, OptimizerParameters], optim.Optimizer]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adamw": _adamw,
    "adam": lambda groups, chosen: optim.Adam(groups, chosen.lr, (chosen.beta1, chosen.beta2), fused=True),
    "nadam": lambda groups, chosen: optim.NAdam(groups, chosen.lr, (chosen.beta1, chosen.beta2)),
    "radam": lambda groups, chosen: optim.RAdam(groups, chosen.lr, (chosen.beta1, chosen.beta2)),
    "adamax": lambda groups, chosen: optim.Adamax(groups, chosen.lr, (chosen.beta1, chosen.beta2)),
    "adagrad": lambda groups, chosen: optim.Adagrad(groups, chosen.lr),
    "adadelta": lambda groups, chosen: optim.Adadelta(groups, chosen.lr, 0.9 if chosen.rho is None else chosen.rho),
    "asgd": lambda groups, chosen: optim.ASGD(groups, chosen.lr),
    "adafactor": lambda groups, chosen: optim.Adafactor(groups, chosen.lr),
}
