"""The files of deploy/ promise what the container files promise, and name settings and commands there are."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types
import pytest
import yaml  # type: ignore[import-untyped]  # its types are another package

from app.config import each_setting
from studyhall.commands.grammar import parse

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
OBJECTS: list[dict[str, Any]] = [
    each
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
PODS = [each for each in OBJECTS if each["kind"] in ("Deployment", "Job")]
SETTINGS = {f"STUDYHALL_{name.upper().replace('.', '__')}" for name, _, _ in each_setting()}
OF_CLIENTS = {"STUDYHALL_URL", "STUDYHALL_KEY_FILE", "STUDYHALL_DATABASE_URL_FILE"}


def containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod["spec"]["template"]["spec"]["containers"]


def name_of(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["name"])


@pytest.mark.parametrize("version", ["1.28", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("each", OBJECTS, ids=lambda each: f"{each['kind']} {name_of(each)}")
def test_kubernetes_understands_every_field_of_a_manifest(each, version):
    kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("pod", PODS, ids=name_of)
def test_a_pod_can_do_as_little_as_possible(pod):
    spec = pod["spec"]["template"]["spec"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["automountServiceAccountToken"] is False
    for container in containers(pod):
        allowed = container["securityContext"]
        assert allowed["readOnlyRootFilesystem"] is True
        assert allowed["allowPrivilegeEscalation"] is False
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("pod", PODS, ids=name_of)
def test_a_pod_runs_a_command_there_is_with_settings_there_are(pod):
    for container in containers(pod):
        assert parse([str(word) for word in container["args"]]).run
        named = {each["name"] for each in container["env"] if each["name"].startswith("STUDYHALL_")}
        assert named <= SETTINGS | OF_CLIENTS


@pytest.mark.parametrize("pod", PODS, ids=name_of)
def test_no_secret_stands_in_a_manifest(pod):
    assert "hps_" not in str(pod)
    assert re.search(r"postgresql[^ ']*:[^ ']*@", str(pod)) is None


def test_every_pod_that_stays_is_watched():
    staying = [
        c for pod in PODS if pod["kind"] == "Deployment" and "worker" not in name_of(pod) for c in containers(pod)
    ]

    assert [c["name"] for c in staying if "livenessProbe" not in c] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_there_is(unit):
    lines = re.findall(r"^Exec\w+=.*?bin/studyhall ([a-z-]+)", unit.read_text(), re.MULTILINE)

    assert unit.suffix == ".timer" or lines
    assert all(parse([line]).run for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="NO systemd-analyze: the units are not verified")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_a_unit(unit, tmp_path):
    (tmp_path / unit.name).write_text(
        re.sub(r"/opt/studyhall/bin/studyhall", shutil.which("true") or "/bin/true", unit.read_text())
    )
    for other in UNITS:  # a timer needs the service beside it
        if not (tmp_path / other.name).exists():
            (tmp_path / other.name).write_text(other.read_text().replace("/opt/studyhall/bin/studyhall", "/bin/true"))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name.replace("@.", "@1."))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    faults = [line for line in done.stderr.splitlines() if "studyhall" in line]
    assert faults == []
