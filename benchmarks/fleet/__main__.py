"""`python -m benchmarks.fleet [overhead] [busy] [kills] [gpu]`: a fleet on this machine, in figures."""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.fleet import one_gpu
from benchmarks.fleet.idle_time import between_trials, share_of_training
from tests.e2e.worker_kills import describe, kill_workers

PARTS = ("overhead", "busy", "kills", "gpu")


def main() -> int:
    """0: measured, and nothing was wrong; 1: a kill has broken a promise; 2: there is no GPU to measure."""
    given = _arguments()
    worst = 0
    for part in given.parts:
        worst = max(worst, {"overhead": _overhead, "busy": _busy, "kills": _kills, "gpu": _gpu}[part](given))
    return worst


def _overhead(given: argparse.Namespace) -> int:
    for with_torch in (False, True):
        found = between_trials(trials=given.trials, trial_s=0.2, with_torch=with_torch)
        what = "torch imported" if with_torch else "no torch"
        _say(
            f"overhead a trial, one warm worker, {what}: p50 {found['p50']:.1f} ms, p95 {found['p95']:.1f} ms,"
            f" max {found['max']:.1f} ms ({found['trials']:.0f} trials of 0.2 s)"
        )
    return 0


def _busy(given: argparse.Namespace) -> int:
    found = share_of_training(workers=given.workers, trials=12, trial_s=2.0)
    _say(
        f"{given.workers} workers, trials of 2 s: {100 * found['share']:.1f} % of their time is training"
        f" (the least busy: {100 * found['least']:.1f} %)"
    )
    return 0


def _kills(given: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        tally = kill_workers(Path(folder), kills=given.kills, seed=given.seed)
    _say(f"workers killed: {describe(tally)}")
    for wrong in tally.wrong:
        _say(f"  {wrong}")
    return 1 if tally.wrong else 0


def _gpu(given: argparse.Namespace) -> int:
    if not one_gpu.has_gpu():
        _say("gpu: nvidia-smi names none here")
        return 2
    for what, value in one_gpu.compare(trials=given.gpu_trials, at_once=4).items():
        _say(f"gpu: {what}: {value:.4g}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="by default all but gpu")
    parser.add_argument("--trials", type=int, default=100, help="for the overhead")
    parser.add_argument("--workers", type=int, default=8, help="for the share of training")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments to kill at")
    parser.add_argument("--gpu-trials", type=int, default=24)
    given = parser.parse_args()
    given.parts = given.parts or ["overhead", "busy", "kills"]
    return given


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
