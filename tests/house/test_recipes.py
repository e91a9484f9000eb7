"""Recipes for clusters: what they say to a worker is what a worker understands."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

from workers.command_line import read_command_line

DEPLOY = Path(__file__).parents[2] / "deploy"
PODS = [
    pytest.param(each["spec"]["template"]["spec"], id=each["kind"])
    for each in yaml.safe_load_all((DEPLOY / "kubernetes" / "workers.yaml").read_text())
]


@pytest.fixture(autouse=True)
def _server(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDYHALL_URL", "http://studyhall-server:8000")
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path))
    monkeypatch.delenv("STUDYHALL_KEY_FILE", raising=False)


@pytest.mark.parametrize("pod", PODS)
def test_a_pods_worker_is_configured_and_has_time_to_checkpoint(pod):
    (container,) = pod["containers"]

    configuration = read_command_line(container["args"][1:])

    assert configuration.gpus_per_trial == 1
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod["terminationGracePeriodSeconds"] > configuration.patiences.grace_s


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_mounts_what_it_names_and_may_do_little(pod):
    (container,) = pod["containers"]

    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]


def test_the_slurm_script_starts_a_worker_that_is_configured(tmp_path):
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    about_it = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURM_JOB_ID": "9", "SLURM_CPUS_PER_TASK": "4"}
    environment = os.environ | about_it | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STUDYHALL_KEY_FILE": "key"}

    done = subprocess.run(
        ["bash", DEPLOY / "slurm" / "workers.sbatch"], env=environment, capture_output=True, text=True, check=True
    )
    program, subject, *options = done.stdout.splitlines()
    configuration = read_command_line(options)

    assert (program, subject) == ("studyhall", "worker")
    assert (configuration.name, configuration.threads) == ("slurm-7-3", 4)
    assert (configuration.gpus_per_trial, configuration.exit_when_idle_s) == (1, 600)
