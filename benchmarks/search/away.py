"""Which peers there are, the environment that each needs, and the process that plays for it."""

import atexit
import json
import os
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from benchmarks.environments import environment

ROOT = Path(__file__).parents[2]
SPACES: Final = "pydantic>=2.13"
"""What reading our spaces takes."""
TORCH: Final = "torch==2.13.0"
"""Exactly, and first: what peers ask for is a range, whose newest release brings gigabytes for a GPU."""
REQUIREMENTS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "search-torch": ((TORCH,), ("optuna==5.0.0", "ax-platform==1.3.1", "scikit-optimize==0.10.2", SPACES)),
    "search-smac": (("smac==2.4.1", "hyperopt==0.3.0", "setuptools<81", SPACES),),
    # It pins numpy below 1.25; what it names beside that builds no more, so it comes without what it asks for.
    "search-hebo": (
        (TORCH,),
        ("numpy==1.24.4", "scipy==1.10.1", "pandas==2.0.3", "scikit-learn==1.3.2", "GPy==1.13.2", "pymoo==0.6.0.1",
         "gpytorch==1.15.2", "catboost==1.2.10", "disjoint-set==0.9.0", SPACES),
        ("--no-deps", "hebo==0.3.6"),
    ),
    # The newest jax breaks the equinox that it pins.
    "search-vizier": (("google-vizier[jax]==0.1.24", "jax==0.4.35", "jaxlib==0.4.35", "equinox==0.11.7",
                       "jaxtyping==0.2.34", "numpy<2.1", "scipy<1.14", SPACES),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Library:
    """Where a peer's class is, and where it runs."""

    place: str
    """`module:class` in `peers`."""
    home: str
    several_objectives: bool = False


LIBRARIES: Final = {
    "optuna-tpe": Library("optuna_peer:Tpe", "search-torch", several_objectives=True),
    "optuna-gp": Library("optuna_peer:Gp", "search-torch", several_objectives=True),
    "optuna-nsga2": Library("optuna_peer:Nsga2", "search-torch", several_objectives=True),
    "ax": Library("ax_peer:Ax", "search-torch", several_objectives=True),
    "scikit-optimize": Library("skopt_peer:Skopt", "search-torch"),
    "hyperopt": Library("hyperopt_peer:Hyperopt", "search-smac"),
    "smac": Library("smac_peer:Smac", "search-smac"),
    "hebo": Library("hebo_peer:Hebo", "search-hebo"),
    "vizier": Library("vizier_peer:Vizier", "search-vizier", several_objectives=True),
}


class PeerFailed(Exception):
    """A library raised an error, or its process ended."""


class Worker:
    """A library's process."""

    def __init__(self, library: Library) -> None:
        python = environment(library.home, *REQUIREMENTS[library.home])
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.search.peers.worker", library.place],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        atexit.register(self._process.kill)
        self.cpu_s, self.peak_mb = 0.0, 0
        self._read()

    def request(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request.

        Raises:
            PeerFailed: with what the library said.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        self.cpu_s += answer["cpu_s"]
        self.peak_mb = answer["peak_mb"]
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerFailed(f"its process ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found


@lru_cache
def worker_of(library: Library) -> Worker:
    """The one process of a library; it lives as long as the benchmark."""
    return Worker(library)
