"""The command line's own home, for imports and exports."""

import pytest


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without a server in its memory."""
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
