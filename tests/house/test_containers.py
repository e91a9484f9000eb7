"""What the container files promise. No engine runs here: docs/deployment.md says what was tried and what was not."""

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are another package

from app.config import each_setting
from studyhall.commands.grammar import parse

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def image_of(service: dict[str, Any]) -> str | None:
    """Which of our two images a service runs; None for somebody else's."""
    match = re.fullmatch(r"studyhall-(server|worker):[\d.]+", service["image"])
    return match and match[1]


OURS = {name: service for name, service in SERVICES.items() if image_of(service)}


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
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


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


@pytest.mark.parametrize("name", OURS)
def test_a_container_runs_a_command_that_exists(name: str) -> None:
    image = image_of(OURS[name])
    default = re.search(r"(?m)^CMD (\[.*\])$", stage(str(image)))
    assert default is not None

    command = OURS[name].get("command") or json.loads(default[1])

    assert parse(command).run


@pytest.mark.parametrize("name", OURS)
def test_a_container_sets_only_settings_that_are_read(name: str) -> None:
    server = {f"STUDYHALL_{setting.replace('.', '__').upper()}" for setting, _, _ in each_setting()}
    client = {"STUDYHALL_URL", "STUDYHALL_KEY_FILE"}
    given = {variable for variable in OURS[name]["environment"] if variable.startswith("STUDYHALL_")}

    assert given <= server | client


def test_the_images_are_of_this_version() -> None:
    assert {service["image"].partition(":")[2] for service in OURS.values()} == {metadata.version("studyhall")}


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_waits_for_is_there_and_ends_or_turns_healthy(name: str) -> None:
    for other, wait in OURS[name]["depends_on"].items():
        once = SERVICES[other]["restart"] == "no"
        assert wait["condition"] == ("service_completed_successfully" if once else "service_healthy")
