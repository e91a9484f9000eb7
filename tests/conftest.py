"""What every test of Studyhall may ask for, whatever its folder."""

import os

# Before numpy or torch is imported: with one test process per core, more threads only fight each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.postgres_cluster", "tests.browser", "tests.databases", "tests.in_process"]
