"""The stage `examine`: attacks, their control, and explanations, of a torch model."""

import dataclasses
import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.compression.examples import Examples, Rows
from workers.compression.figures import score_of
from workers.compression.knobs import Examine
from workers.explanation.attacks import Range, fgsm, noise, pgd
from workers.explanation.integrated_gradients import integrated_gradients
from workers.explanation.permutation import permutation_importance


def examine(model: nn.Module, knobs: Examine, examples: Examples, directory: Path, seed: int) -> dict[str, float]:
    """Answers the scores under noise, FGSM and PGD and the explanation's error; writes `explanation.json`."""
    model.eval()
    rows = examples.validation.first(knobs.rows)
    allowed = Range.of(examples.train.x)
    loss = functional.cross_entropy if examples.kind == "classification" else functional.mse_loss
    attacked = {
        "noise": noise(rows.x, knobs.eps, allowed, seed=seed),
        "fgsm": fgsm(model, rows.x, rows.y, knobs.eps, allowed, loss=loss),
        "pgd": pgd(model, rows.x, rows.y, knobs.eps, allowed, loss=loss, steps=knobs.steps, seed=seed),
    }
    metrics = {f"{name}_{examples.score}": _score(model, examples, Rows(x, rows.y)) for name, x in attacked.items()}
    explained = integrated_gradients(model, rows.x, _baseline(examples.train.x))
    metrics["completeness_error"] = explained.completeness_error
    report = {
        "eps": knobs.eps,
        "rows": len(rows.y),
        "integrated_gradients": explained.values.abs().mean(0).cpu().tolist(),
        **metrics,
    }
    if rows.x.ndim == 2:
        report["permutation_importance"] = permutation_importance(
            lambda x: _score(model, examples, Rows(x, rows.y)), rows.x, seed=seed
        )
    (directory / "explanation.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return metrics


def _score(model: nn.Module, examples: Examples, rows: Rows) -> float:
    return score_of(model, dataclasses.replace(examples, validation=rows))


def _baseline(x: Tensor) -> Tensor:
    """Nothing to see: the mean row of a table, zero for images and series."""
    return x.mean(0) if x.ndim == 2 else torch.zeros_like(x[0])
