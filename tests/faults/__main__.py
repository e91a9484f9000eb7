"""Runs the fault scenarios: `python -m tests.faults [--smoke] [--database …] [--kills N] [--only …] [--defects]`."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.faults import scenarios
from tests.faults.database import Database, Postgres, Sqlite
from tests.faults.defects import SERVER, WORKER
from tests.faults.world import Launcher, Tally, World

# Which scenario, and how much of it, has to see which defect.
SEEN_BY: dict[str, tuple[str, int]] = {
    "drop_the_attempt_guard": ("F5", 4),
    "finish_by_id": ("F5", 4),
    "judge_by_a_stale_read": ("F1", 2),
    "acknowledge_before_the_commit": ("F1", 12),
    "switch_synchronous_off": ("F17", 30),
    "forget_answers": ("F6", 40),
    "count_the_budget_at_completion": ("F1", 2),
    "give_no_amnesty": ("F1 outage", 2),
    "never_sweep": ("F3", 6),
    "retry_errors_of_the_user": ("F1", 2),
    "lose_a_measurement": ("F1", 3),
    "answer_floats_short": ("F1", 2),
    "heartbeats_end_with_the_first_error": ("F1 outage", 1),
    "the_token_is_the_name_of_the_host": ("F1", 2),
}


async def run(name: str, times: int, database: str, launcher: Launcher, **defects: Any) -> Tally:
    """One scenario, in as many worlds as it takes."""
    scenario = scenarios.ALL[name][0]
    tally = Tally(name)
    began = time.monotonic()
    left = times
    while left > 0:
        part = min(left, scenarios.ROUND.get(name, left))
        left -= part
        with tempfile.TemporaryDirectory(prefix="studyhall-faults-") as folder:
            made: Database = Sqlite(Path(folder)) if database == "sqlite" else Postgres()
            world = World(made, Path(folder), launcher, **defects)
            try:
                world.start_server()
                await world.wait_until_ready()
                await scenario(world, tally, part)
            except Exception as error:  # noqa: BLE001  # one scenario's fault is reported with the others
                tally.violations.append(f"harness: {error!r}")
            finally:
                world.close()
                if isinstance(made, Postgres):
                    made.close()
    tally.seconds = time.monotonic() - began
    return tally


def row(tally: Tally) -> str:
    """A line of the table."""
    restarts = sorted(tally.restarts_s)
    slowest = f"{restarts[-1]:.2f}" if restarts else "-"
    notes = "; ".join(dict.fromkeys(tally.notes))
    counts = f"{tally.kills} | {tally.faults} | {tally.trials} | {tally.acked} | {slowest}"
    return f"| {tally.scenario} | {counts} | {len(tally.violations)} | {tally.seconds:.0f} | {notes} |"


HEAD = (
    "| scenario | kills | other faults | trials | acknowledged | slowest restart, s | violations | seconds | notes |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


async def run_all(arguments: argparse.Namespace) -> int:
    launcher = Launcher()
    names = arguments.only.split(",") if arguments.only else list(scenarios.ALL)
    share = arguments.kills / 1000 if arguments.kills else 1.0
    failed, kills = 0, 0
    print(HEAD, flush=True)
    try:
        for name in names:
            _, full, smoke = scenarios.ALL[name]
            times = smoke if arguments.smoke else max(1, round(full * share))
            tally = await run(name, times, arguments.database, launcher)
            failed += len(tally.violations)
            kills += tally.kills
            print(row(tally), flush=True)
            for violation in list(dict.fromkeys(tally.violations))[:10]:
                print(f"  - {violation[-1500:]}", flush=True)
    finally:
        launcher.close()
    print(f"\n{kills} kills on {arguments.database}, {failed} violations")
    return 1 if failed else 0


async def run_defects(arguments: argparse.Namespace) -> int:
    """Every seeded defect must be seen."""
    launcher = Launcher()
    missed = []
    print("| defect | scenario | violations | first |\n|---|---|---|---|", flush=True)
    try:
        for defect, (scenario, times) in SEEN_BY.items():
            if arguments.only and defect not in arguments.only.split(","):
                continue
            planted: dict[str, Any] = {"defect": defect} if defect in SERVER else {"worker_defect": WORKER[defect]}
            tally = await run(scenario, times, arguments.database, launcher, **planted)
            if not [line for line in tally.violations if not line.startswith("harness")]:
                missed.append(defect)
            first = tally.violations[0][:140] if tally.violations else "-"
            print(f"| {defect} | {scenario} | {len(tally.violations)} | {first} |", flush=True)
    finally:
        launcher.close()
    print(f"\n{len(missed)} defects were not seen" + (f": {', '.join(missed)}" if missed else ""))
    return 1 if missed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a little of everything, in at most 90 seconds")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--kills", type=int, help="kills in all; the other faults in proportion (default: 1000)")
    parser.add_argument("--only", help="scenarios (or defects), by commas")
    parser.add_argument("--defects", action="store_true", help="prove that seeded defects are seen")
    arguments = parser.parse_args()
    return asyncio.run(run_defects(arguments) if arguments.defects else run_all(arguments))


if __name__ == "__main__":
    sys.exit(main())
