"""The environments that peers live in, made the first time each is asked for; ours needs none of them."""

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = {
    "optuna": ("optuna==5.0.0", "psycopg2-binary", "grpcio<2", "protobuf"),
    "vizier": ("google-vizier[jax]==0.1.24", "jax==0.5.3", "jaxlib==0.5.3"),
}
"""Of the service's benchmark; that of the search has its own."""


def environment(name: str, *steps: tuple[str, ...]) -> Path:
    """The interpreter of a peer's environment.

    Args:
        steps: what to install, one pip call after the other; absent: what `REQUIREMENTS` says.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "studyhall" / "peers" / name
    python = home / "bin" / "python"
    if not (home / ".installed").exists():
        print(f"making {home}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        for step in steps or (REQUIREMENTS[name],):
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-compile", *step], check=True)
        (home / ".installed").touch()
    return python
