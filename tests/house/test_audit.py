"""What would be published: no secrets in it, and a list of what is inside. `make audit` also asks for known holes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from detect_secrets.core.plugins.initialize import from_plugin_classname
from detect_secrets.settings import transient_settings

from app.services.key_text import id_of, make_key

ROOT = Path(__file__).parents[2]
DETECTORS = (
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SlackDetector",
    "StripeDetector",
    "TwilioKeyDetector",
)
"""Keys by their form. What only looks random is left to people: hashes and test data look random, too."""
CYCLONEDX = (sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "constraints.txt")
OWN_KEY = re.compile(r"hps_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}")


def secrets_in(files: list[Path]) -> list[str]:
    """The first characters of each secret, with its file; whole files at once, which is ten times as fast as lines."""
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        detectors: list[Any] = [from_plugin_classname(name) for name in DETECTORS]
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        theirs = (secret for detector in detectors for secret in detector.analyze_string(text))
        ours = (key for key in OWN_KEY.findall(text) if id_of(key) is not None)
        found += [f"{file}: {secret[:12]}" for secret in (*theirs, *ours)]
    return found


def published() -> list[Path]:
    """Every file of the checkout that git knows; of a source archive, every file."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if listed:
        return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]


def test_nothing_that_is_published_holds_a_secret():
    assert secrets_in([file for file in published() if file.suffix != ".png"]) == []


def test_a_secret_would_be_found(tmp_path):
    ours, theirs = tmp_path / "ours.txt", tmp_path / "theirs.txt"
    ours.write_text(f"key: {make_key().text}\n")
    theirs.write_text("-----BEGIN RSA " + "PRIVATE KEY-----\n")

    assert len(secrets_in([ours, theirs])) == 2


def test_the_list_of_what_is_inside_has_every_pin(tmp_path):
    done = subprocess.run(
        [*CYCLONEDX, "--pyproject", "pyproject.toml", "--output-reproducible", "-o", str(tmp_path / "sbom.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    inside = json.loads((tmp_path / "sbom.json").read_text())
    pins = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)

    assert inside["metadata"]["component"]["name"] == "studyhall"
    assert {component["name"] for component in inside["components"]} == set(pins)
