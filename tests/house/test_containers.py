"""What the container files promise. No engine runs here: docs/deployment.md says what was tried and what was not."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def stage(name: str) -> str:
    """The lines of one stage of the Dockerfile."""
    return next(
        part for part in re.split(r"(?m)^(?=FROM )", DOCKERFILE) if part.splitlines()[0].endswith(f" AS {name}")
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_as_little_as_possible(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service["restart"] != "no"])
def test_a_service_that_stays_has_a_health_check_of_its_own(name: str) -> None:
    service = SERVICES[name]
    inherited = name == "server" and "HEALTHCHECK" in stage("server")

    assert inherited or service["healthcheck"]["test"]


def test_no_password_has_a_default() -> None:
    secrets = re.findall(
        r"\$\{(\w*(?:PASSWORD|KEY|SECRET|TOKEN)\w*)([^}]*)\}", (ROOT / "docker-compose.yml").read_text()
    )

    assert secrets
    assert [name for name, default in secrets if default not in {"", ":-"} and not default.startswith(":?")] == []


def test_the_database_is_out_of_reach_of_trials_and_of_the_world() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["inside"]
    assert "ports" not in SERVICES["postgres"]
    assert "inside" not in SERVICES["worker"]["networks"]


def test_the_server_is_published_on_this_machine_only() -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["server"]["ports"])


@pytest.mark.parametrize("target", ["server", "worker"])
def test_an_image_runs_as_nobody_in_particular(target: str) -> None:
    assert stage(target).startswith("FROM runtime ")
    assert "\nUSER 10001:10001\n" in stage("runtime")
    assert "USER" not in stage(target)


def test_the_server_image_installs_no_torch() -> None:
    installs = re.findall(r"'\.\[([\w,]+)\]'", stage("server-build"))

    assert installs == ["server,postgres,search"]


def test_no_image_is_built_with_a_compiler() -> None:
    assert not re.search(r"apt-get|build-essential|gcc", DOCKERFILE)
