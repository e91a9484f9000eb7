"""What a worker keeps on its own machine, and for how long."""

import os
import time

from workers.keeping import DAY_S, Places
from workers.store import DirectoryStore


def left_behind(path, *, days):
    """A file that nobody has touched for so many days, and its directory neither."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("printed")
    for old in (path, path.parent):
        os.utime(old, (time.time() - days * DAY_S,) * 2)
    return path


def test_logs_and_what_killed_workers_left_are_removed_after_some_days(tmp_path):
    logs = [left_behind(tmp_path / "logs" / "st_1" / f"{days}-1.log", days=days) for days in (6, 8)]
    work = [left_behind(tmp_path / "work" / f"tr_{days}-1" / "weights", days=days) for days in (8, 32)]

    Places(tmp_path, DirectoryStore(tmp_path / "artifacts")).forget_old(7)

    assert [path.exists() for path in (*logs, *work)] == [True, False, True, False]
