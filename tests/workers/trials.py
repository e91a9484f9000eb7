"""What users' code may do to a worker: the good, the bad and the ugly. Entry points of the tests."""
# ruff: noqa: T201, BLE001, PTH109, PTH115, PTH208 - code of users prints, catches everything and knows `os` only

import atexit
import contextlib
import ctypes
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def good(params, trial):
    for step in range(1, params.get("steps", 3) + 1):
        if not trial.report(step, loss=1 / step):
            return None
    return 0.25


def returns_a_dict(params, trial):
    return {"loss": 0.5, "accuracy": 0.75}


def counts_as_numpy_does(params, trial):
    import numpy as np

    for step in np.arange(1, 4):
        trial.report(step, loss=np.float32(1 / step))
        with trial.checkpoint(step) as directory:
            (directory / "step").write_text(str(step))


def saves_one_step_often(params, trial):
    for _ in range(20):
        with trial.checkpoint(1) as directory:
            (directory / "weights").write_bytes(bytes(100_000))
    return 0.5


def reports_only(params, trial):
    trial.report(1, loss=0.5)
    trial.report(2, loss=0.4)


def says_where_it_is_traced(params, trial):
    """A part of its parent span's id: a metric is a number, and of few digits."""
    return int(os.environ["TRACEPARENT"].split("-")[2][:12], 16)


def patient(params, trial):
    """Trains until it is told to stop."""
    step = 0
    while True:
        step += 1
        if not trial.report(step, loss=1 / step):
            return
        time.sleep(0.01)


def finishes(params, trial):
    """Is not to be stopped on its last metres."""
    _say_pid(params)
    time.sleep(0.3)
    return 0.25


def silent(params, trial):
    """Never reports, but looks whether to go on."""
    _say_pid(params)
    while trial.check():
        time.sleep(0.01)


def deaf(params, trial):
    """Neither reports nor looks."""
    _say_pid(params)
    trial.report(1, loss=0.5)
    while True:
        time.sleep(0.01)


def ignores_sigterm(params, trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    deaf(params, trial)


def closes_its_output(params, trial):
    sys.stdout.close()
    sys.stderr = None
    return 0.5


def logs_after_it_has_closed_its_output(params, trial):
    sys.stdout.close()
    trial.log("nobody hears this")
    sys.stdout = None
    trial.log("nor this")
    return 0.5


def has_something_to_do_at_its_exit(params, trial):
    atexit.register(lambda: Path(params["file"]).write_text("done"))
    return 0.5


def is_ended_by_a_signal_without_a_name(params, trial):
    os.kill(os.getpid(), signal.SIGRTMIN + 6)


def raises(params, trial):
    print("something was printed before")
    raise RuntimeError("the data is not there")


def raises_something_long(params, trial):
    raise RuntimeError("x" * 100_000 + " the end")


def returns_nothing(params, trial):
    return None


def returns_text(params, trial):
    return "0.5"


def returns_another_metric(params, trial):
    return {"accuracy": 0.5}


def returns_nan(params, trial):
    return math.nan


def reports_nan(params, trial):
    trial.report(1, loss=0.5)
    trial.report(2, loss=math.inf)


def swallows_nan(params, trial):
    for step in range(1000):
        try:
            trial.report(step, loss=math.nan)
        except Exception:
            time.sleep(0.01)


def is_infeasible(params, trial):
    raise trial.infeasible("the model does not fit")


def leaks(params, trial):
    kept = []
    while True:
        kept.append(bytearray(os.urandom(2**20)) * 8)
        time.sleep(0.005)


def is_infeasible_by_an_error(params, trial):
    raise trial.infeasible(ValueError("too deep for the input"))


def reports_a_number_beyond_floats(params, trial):
    trial.report(1, loss=10**400)


def runs_out_of_memory(params, trial):
    raise MemoryError("1 TB")


def exits(params, trial):
    sys.exit(0)


def exits_after_reports(params, trial):
    trial.report(1, loss=0.5)
    trial.report(2, loss=0.4)
    sys.exit(params["code"])


class Unspeakable(Exception):
    """As errors of some frameworks do, whose message needs a device that is gone."""

    def __str__(self):
        raise RuntimeError("not even this can be said")

    __repr__ = __str__


class UnspeakableMemoryError(Unspeakable, MemoryError):
    pass


class UnspeakableNumber:
    def __float__(self):
        raise Unspeakable


def exits_with_what_cannot_be_told(params, trial):
    sys.exit(Unspeakable())  # type: ignore[arg-type]  # any object may be given there


def runs_out_of_memory_without_a_word(params, trial):
    raise UnspeakableMemoryError


def returns_what_cannot_be_told(params, trial):
    return {"loss": UnspeakableNumber()}


def exits_hard(params, trial):
    print("last words", flush=True)
    os._exit(3)


def fills_the_disk(params, trial):
    with Path("weights").open("wb") as file:  # with holes, so that it costs nothing
        file.truncate(51 * 2**30)


def knocks_at_the_network(params, trial):
    socket.create_connection((params["host"], int(params["port"])), timeout=5).close()
    return 0.5


def writes_elsewhere(params, trial):
    Path(params["file"]).write_text("mine")
    return 0.5


def kills_its_worker(params, trial):
    os.kill(int(params["pid"]), signal.SIGUSR1)
    return 0.5


def crashes(params, trial):
    ctypes.string_at(0)


def is_killed(params, trial):
    os.kill(os.getpid(), signal.SIGKILL)


def kills_its_keeper(params, trial):
    _say_pid(params)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


def leaves_processes_behind(params, trial):
    """One child in its group, one in a session of its own, one orphan that has hidden as well as it can."""
    pids = [subprocess.Popen(["sleep", "600"], start_new_session=hides).pid for hides in (False, True)]
    hider = "from subprocess import *; print(Popen(['sleep', '600'], stdout=DEVNULL, start_new_session=True).pid)"
    pids.append(int(subprocess.check_output([sys.executable, "-c", hider])))
    Path(params["pids"]).write_text(" ".join(map(str, pids)))
    if params.get("forever"):
        deaf({}, trial)
    return 0.5


def forks_without_end(params, trial):
    trial.report(1, loss=0.5)
    while True:
        try:
            if os.fork() == 0:
                time.sleep(600)
        except OSError:
            time.sleep(0.01)
        if params["most"] <= len(os.listdir("/proc")):
            time.sleep(600)


def forks_and_returns(params, trial):
    if os.fork() == 0:
        return 99.0
    os.wait()
    return 0.5


def holds_the_gil(params, trial):
    libc = ctypes.PyDLL(None)  # PyDLL keeps the lock while it calls
    libc.usleep(int(params["seconds"] * 1e6))
    return 0.5


def prints_a_lot(params, trial):
    line = "x" * 1000 + "\n"
    for _ in range(int(params["megabytes"] * 1000)):
        sys.stdout.write(line)
    print("the end")
    return 0.5


def shows_its_surroundings(params, trial):
    facts = {"environment": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv, "seed": trial.seed}
    facts["cmdline"] = Path("/proc/self/cmdline").read_text()
    facts["modules"] = sorted(name for name in sys.modules if "." not in name)
    facts["files"] = []
    for file in set(os.listdir("/proc/self/fd")) - {"0", "1", "2"}:
        with contextlib.suppress(FileNotFoundError):
            facts["files"].append(os.readlink(f"/proc/self/fd/{file}"))
    Path(params["facts"]).write_text(json.dumps(facts))
    return 0.5


def keeps_a_file(params, trial):
    (trial.workdir / "notes").mkdir()
    (trial.workdir / "notes" / "a.txt").write_text("kept")
    trial.artifact("notes", trial.workdir / "notes")
    return 0.5


def keeps_one_file_again_and_again(params, trial):
    """The next epoch's weights are on their way while the worker takes those of the last one."""
    file = trial.workdir / "weights"
    for epoch in range(4):
        file.write_bytes(bytes([epoch]) * 1_000_000)
        trial.artifact(f"epoch{epoch}", file)
    file.unlink()
    trial.artifact("all", trial.workdir)
    return 0.5


def keeps_a_file_when_told(params, trial):
    """Keeps one when the first file is there, and ends when the second one is."""
    for name in ("first", "second"):
        while not Path(params[name]).exists():
            time.sleep(0.01)
        if name == "first":
            (trial.workdir / "a").write_text("kept")
            trial.artifact("a", trial.workdir / "a")
    return 0.5


def keeps_a_model(params, trial):
    (trial.workdir / "model").mkdir()
    trial.artifact("model", trial.workdir / "model")
    return params["loss"]


def notes_its_teacher(params, trial):
    Path(params["facts"]).write_text(json.dumps(trial.settings.get("teacher")))
    return 0.5


def reads_what_it_inherits(params, trial):
    return 0.0 if trial.inherit_from is None else len((trial.inherit_from / "notes" / "a.txt").read_text())


def is_slow_to_start(params, trial):
    Path(params["first_step"]).write_text(str(time.time()))
    time.sleep(0.3)
    return 0.5


def _say_pid(params):
    if "pid" in params:
        Path(params["pid"]).write_text(str(os.getpid()))


def counts(params, trial):
    """Counts to `params["to"]`, a step at a time, from its last checkpoint."""
    count = 0
    if trial.resume_from:
        count = int((trial.resume_from / "count").read_text())
    while count < params["to"]:
        count += 1
        goes_on = trial.report(count, loss=1 / count, began_at=params.get("began_at", 0))
        if trial.wants_checkpoint or count % 2 == 0:
            with trial.checkpoint(count) as directory:
                (directory / "count").write_text(str(count))
        if count == params.get("dies_at") and trial.resume_from is None:
            os.kill(os.getpid(), signal.SIGKILL)
        if count == params.get("waits_at") and trial.resume_from is None:
            while trial.check():
                time.sleep(0.01)
            goes_on = False
            with trial.checkpoint(count) as directory:
                (directory / "count").write_text(str(count))
        if not goes_on:
            return None
    return {"loss": 1 / count, "resumed": float(trial.resume_from is not None)}


def goes_on(params, trial):
    """Four steps of loss `x`. From 4 on they wait to be stopped; the best, until somebody goes on from a checkpoint."""
    count = int((trial.resume_from / "count").read_text()) if trial.resume_from else 0
    began_at, someone_resumed = count, Path(trial.settings["flag"])
    if trial.resume_from:
        someone_resumed.touch()
    while count < 4:
        count += 1
        to_go_on = trial.report(count, loss=params["x"])
        while count == 2 and params["x"] >= 4 and to_go_on:
            time.sleep(0.01)
            to_go_on = trial.check()
        if trial.wants_checkpoint:
            with trial.checkpoint(count) as directory:
                (directory / "count").write_text(str(count))
        while count == 3 and params["x"] == 1 and trial.settings.get("waits") and not someone_resumed.exists():
            time.sleep(0.01)
        if not to_go_on:
            return None
    return {"loss": params["x"], "began_at": began_at}


def prints_and_fails(params, trial):
    print("a line")
    print("and an error", file=sys.stderr)
    raise ValueError("on purpose")


def prints_and_waits(params, trial):
    trial.report(1, loss=1.0)
    trial.log("i am here")
    while trial.check():
        time.sleep(0.01)


def tells_its_environment(params, trial):
    """Writes down what it sees of GPUs and how many threads it may start; waits for the others."""
    import threadpoolctl  # type: ignore[import-untyped]  # ships no types

    threads = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    told = [os.environ["CUDA_VISIBLE_DEVICES"], trial.device, os.environ["OMP_NUM_THREADS"], *map(str, threads)]
    file = Path(params["file"])
    file.write_text(" ".join(told))
    while len(list(file.parent.glob("[0-9]"))) < 4:
        time.sleep(0.01)
    return 0.0


def is_killed_for_memory(params, trial):
    """What the kernel does to a trial in a group of its own; see `test_cgroup.py`."""
    (group,) = Path(trial.settings["groups"]).glob(f"trial-{os.getpid()}")
    (group / "memory.events").write_text("oom_kill 1\n")
    os.kill(os.getpid(), signal.SIGKILL)


def tells_its_group(params, trial):
    """How many of this process and one below it are in a trial's group."""
    below = subprocess.run(["cat", "/proc/self/cgroup"], capture_output=True, text=True, check=True).stdout
    mine = Path("/proc/self/cgroup").read_text()
    return {"loss": 0.0, "in_a_group": float(sum(f"/trial-{os.getpid()}\n" in each for each in (mine, below)))}


def waits_for_a_file(params, trial):
    """Trains on while others misbehave beside it."""
    step = 0
    while not Path(params["file"]).exists():
        step += 1
        trial.report(step, loss=1 / step)
        time.sleep(0.02)
    return 0.5
