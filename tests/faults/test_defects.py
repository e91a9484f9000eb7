"""Seeded defects can still be planted: one that patches what is no longer there proves nothing."""

import subprocess
import sys

import pytest

from tests.faults.defects import SERVER
from tests.faults.world import ROOT

# A process each, since they take the server apart; all of one that has imported it.
PLANT = """
import os, sys, traceback
import app.main
from tests.faults.defects import SERVER
for name, plant in SERVER.items():
    child = os.fork()
    if child == 0:
        try:
            plant()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(name)
"""


@pytest.mark.timeout(120)
def test_every_seeded_defect_can_be_planted() -> None:
    done = subprocess.run([sys.executable, "-c", PLANT], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len(SERVER) >= 12
