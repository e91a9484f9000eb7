import math
import os

import numpy as np
import pytest
import torch

from studyhall.trial_context import Infeasible, LocalTrial, checked_artifact, result_metrics


def test_a_report_answers_whether_to_go_on():
    trial = LocalTrial(tell=lambda step, _: step < 2)

    assert trial.report(1, loss=0.5)
    assert not trial.report(2, loss=0.4)
    assert not trial.check()


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.int64(1), torch.tensor(0.5), np.array(0.5), True])
def test_whatever_float_takes_is_a_metric(value):
    trial = LocalTrial(tell=lambda *_: True)

    trial.report(1, loss=value)

    assert trial.reports == [(1, {"loss": float(value)})]


@pytest.mark.parametrize("value", ["0.5", None, [0.5], np.ones(3), torch.ones(3), 1j])
def test_what_is_no_number_is_refused_by_name(value):
    with pytest.raises(TypeError, match="metric 'loss'"):
        LocalTrial().report(1, loss=value)


def test_what_a_gpu_failed_at_is_told_when_a_number_is_read_from_it():
    class OnAGpu:
        """As a tensor of one number is there."""

        ndim = 0

        def __float__(self) -> float:
            raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match="device-side assert"):
        LocalTrial().report(1, loss=OnAGpu())


@pytest.mark.parametrize("step", [-1, 2**53 + 1])
def test_a_step_outside_of_the_whole_numbers_is_refused(step):
    with pytest.raises(ValueError, match="a whole number from 0"):
        LocalTrial().report(step, loss=1.0)


def test_a_step_that_is_no_whole_number_is_refused():
    with pytest.raises(TypeError):
        LocalTrial().report(1.5, loss=1.0)  # type: ignore[arg-type]


def test_a_report_without_metrics_is_refused():
    with pytest.raises(ValueError, match="at least one metric"):
        LocalTrial().report(1)


@pytest.mark.parametrize("name", ["", "1st", "a b", "x" * 129, "é"])
def test_a_name_that_cannot_name_a_metric_is_refused(name):
    with pytest.raises(ValueError, match="cannot name a metric"):
        LocalTrial().report(1, **{name: 1.0})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_objective_that_is_not_finite_makes_the_trial_infeasible(value):
    trial = LocalTrial(objectives=("loss",))

    with pytest.raises(Infeasible, match=r"'loss' was .* at step 3"):
        trial.report(3, loss=value)


def test_another_metric_that_is_not_finite_is_left_out():
    trial = LocalTrial(objectives=("loss",), tell=lambda *_: True)

    trial.report(1, loss=0.5, precision=math.nan)

    assert trial.reports == [(1, {"loss": 0.5})]


def test_a_metric_told_twice_for_one_step_keeps_its_first_value():
    trial = LocalTrial(tell=lambda *_: True)

    trial.report(1, loss=0.5)
    trial.report(1, loss=0.7, accuracy=0.9)

    assert trial.reports == [(1, {"loss": 0.5}), (1, {"accuracy": 0.9})]


def test_one_number_is_the_result_of_a_study_with_one_objective():
    assert result_metrics(np.float32(0.5), ["loss"]) == {"loss": 0.5}


@pytest.mark.parametrize("result", ["0.5", [0.5], object()])
def test_a_result_that_is_neither_number_nor_dict_is_refused(result):
    with pytest.raises(TypeError, match="was returned"):
        result_metrics(result, ["loss"])


def test_one_number_does_not_answer_two_objectives():
    with pytest.raises(TypeError, match="several objectives"):
        result_metrics(0.5, ["loss", "latency_ms"])


def test_a_checkpoint_appears_whole(tmp_path):
    trial = LocalTrial()

    with trial.checkpoint(3) as directory:
        (directory / "weights").write_text("3")
        assert not (trial.checkpoint_dir / "step-3").exists()

    assert (trial.checkpoint_dir / "step-3" / "weights").read_text() == "3"


def test_a_checkpoint_that_fails_leaves_nothing():
    trial = LocalTrial()

    with pytest.raises(OSError, match="full"), trial.checkpoint(3):
        raise OSError("disk full")

    assert list(trial.checkpoint_dir.iterdir()) == []


def test_a_checkpoint_holds_files_only_and_the_one_that_is_none_is_named():
    trial = LocalTrial()

    def save():
        with trial.checkpoint(3) as directory:
            (directory / "deep").mkdir()
            (directory / "deep" / "latest").symlink_to("weights")

    with pytest.raises(ValueError, match="'deep/latest' in the checkpoint of step 3 is a link"):
        save()

    assert list(trial.checkpoint_dir.iterdir()) == []


def test_a_name_that_is_not_utf_8_is_told(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9")).write_text("1 €")

    with pytest.raises(ValueError, match=r"'caf\\udce9' in the artifact 'prices' has a name that is not UTF-8"):
        LocalTrial().artifact("prices", tmp_path)


def test_a_link_in_an_artifact_must_lead_to_a_file(tmp_path):
    (tmp_path / "latest").symlink_to("nowhere")

    with pytest.raises(ValueError, match="'latest' in the artifact 'model' is neither a file"):
        LocalTrial().artifact("model", tmp_path)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", ".hidden", "a/b", "x" * 200])
def test_an_artifact_has_a_plain_name(name, tmp_path):
    with pytest.raises(ValueError, match="cannot name an artifact"):
        checked_artifact(name, tmp_path)


def test_an_artifact_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing at"):
        LocalTrial().artifact("model", tmp_path / "missing")
