import json

import numpy as np
import pytest

from studyhall.errors import InvalidInput
from studyhall.trial_context import LocalTrial
from workers.models import load, test_score
from workers.trainables.datasets import load_bundled, split_dataset
from workers.trainables.registry import TRAINABLES


def trained(name, parameters, **settings):
    trial = LocalTrial(settings=settings, tell=lambda *_: True)
    metrics = TRAINABLES[name](parameters, trial)
    return trial.artifacts["model"], metrics


@pytest.fixture(scope="module")
def digits_model():
    return trained("image_classifier", {"epochs": 3, "lr": 0.01})


def test_a_loaded_model_scores_what_the_trial_told(digits_model):
    path, metrics = digits_model
    validation = split_dataset(load_bundled("digits"), 0).validation

    predicted = load(path).predict(validation.x)

    assert np.mean(predicted == validation.y) == pytest.approx(metrics["val_accuracy"])


def test_a_model_takes_flat_rows_too(digits_model):
    model, rows = load(digits_model[0]), load_bundled("digits").x[:5]

    assert model.predict(rows).tolist() == model.predict(rows.reshape(5, 64)).tolist()


@pytest.mark.parametrize("rows", [np.ones((2, 63)), np.ones((2, 1, 16, 4)), np.ones(64)])
def test_rows_of_another_shape_are_refused(digits_model, rows):
    with pytest.raises(InvalidInput, match=r"takes rows of shape \(1, 8, 8\)"):
        load(digits_model[0]).predict(rows)


def test_the_test_score_is_computed_once(digits_model):
    path, _ = digits_model

    first = test_score(path)
    (path / "test_score.json").write_text(
        json.dumps({"metric": "accuracy", "value": 0.5, "rows": 1, "standard_error": 0})
    )

    assert (first.metric, first.rows) == ("accuracy", 360)
    assert first.value > 0.95
    assert test_score(path).value == 0.5


def test_a_regression_predicts_in_the_units_of_its_target():
    path, metrics = trained("tabular", {"lr": 0.01}, dataset="diabetes")
    validation = split_dataset(load_bundled("diabetes"), 0).validation

    predicted = load(path).predict(validation.x)

    assert np.mean((predicted - validation.y) ** 2) == pytest.approx(metrics["val_mse"], rel=1e-5)
    assert test_score(path).metric == "r2"


def test_classes_are_predicted_by_name():
    path, _ = trained("tabular", {"epochs": 2}, dataset="wine")

    assert set(load(path).predict(load_bundled("wine").x)) <= {"class_0", "class_1", "class_2"}


def test_changed_weights_are_not_loaded(digits_model, tmp_path):
    for file in digits_model[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00\x01")

    with pytest.raises(InvalidInput, match=r"is not the file that .* describes"):
        load(tmp_path)


def test_a_directory_without_a_model_says_so(tmp_path):
    with pytest.raises(InvalidInput, match="holds no saved model"):
        load(tmp_path)


def test_a_model_is_not_scored_on_other_data(digits_model, tmp_path):
    for file in digits_model[0].glob("model.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    described = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**described, "data_content": "0" * 64}))

    with pytest.raises(InvalidInput, match="is not the one that this model was trained on"):
        test_score(tmp_path)
