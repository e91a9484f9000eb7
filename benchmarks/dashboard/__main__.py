"""The dashboard in a real browser, and what it costs: `python -m benchmarks.dashboard [--trials 10000,100000]`.

Pages: from the address to a chart or a table on the screen, a fresh tab for each; the processor time of that tab, which
other work on the machine does not change; its private memory after it has read all trials. Then how soon a result that
the server has acknowledged is on the screen, and how long workers wait without and with open dashboards, in turns.
"""

import argparse
import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.dashboard.watchers import in_turns
from benchmarks.service.studyhall_peer import Studyhall

TABS = {
    "overview": ".main-card .plot svg .best path, .main-card .plot svg .mark path",
    "trials": "table.virtual tr[data-key]",
    "parallel": ".plot.parallel canvas",
    "slices": ".multiples .plot svg .marks path",
    "curves": ".plot svg .curve",
    "timeline": ".plot svg .bars path",
    "importance": ".share",
    "progress": ".best .line",
    "health": ".check",
    "space": ".space table",
    "events": ".feed li",
}
ROWS = ("trials", "parallel", "slices")
"""Pages that read every trial."""
RESULTS = 20
HEAD = "| page | shown, ms | processor, ms | all trials, ms | memory, MB |\n|---|---|---|---|---|"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    """Prints three tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--trials", default="10000,100000", help="numbers of trials (default: 10000,100000)")
    parser.add_argument("--dashboards", type=int, default=20, help="how many are open (default: 20)")
    parser.add_argument("--seconds", type=float, default=10, help="of each turn with and without them (default: 10)")
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for count in map(int, given.trials.split(",")):
            with served(count) as peer:
                print(f"\n{count} trials\n\n{HEAD}")
                for tab, sign in TABS.items():
                    print(row(tab, opened(browser, peer, tab, sign, count)), flush=True)
        browser.close()
    with served(1000) as peer:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            landed = sorted(results_on_screen(browser, peer))
            browser.close()
        middle = statistics.median(landed)
        print(f"\nresult on the screen, ms: median {middle:.0f}, latest of {RESULTS} {landed[-1]:.0f}\n")
        print(in_turns(peer, given.dashboards, given.seconds))


@contextlib.contextmanager
def served(count: int) -> Iterator[Studyhall]:
    """A server of its own with a study of that many trials."""
    with tempfile.TemporaryDirectory() as folder:
        peer = Studyhall("dashboard", f"sqlite:///{folder}/dashboard.db", Path(folder))
        peer.setup()
        peer.prefill(count)
        try:
            yield peer
        finally:
            peer.teardown()


def opened(browser: Browser, peer: Studyhall, tab: str, sign: str, count: int) -> dict[str, float | None]:
    """What it takes to show a page in a fresh tab."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    began = time.perf_counter()
    page.goto(f"http://127.0.0.1:{peer.port}/#key={peer.key}&page=/studies/{peer.study}/{tab}")
    page.locator(sign).first.wait_for(state="attached", timeout=60_000)
    shown = time.perf_counter() - began
    told: dict[str, float | None] = {"shown": 1000 * shown, "processor": 1000 * tab_of(browser)["cpuTime"]}
    told["all"] = None
    if tab in ROWS:
        wanted = f"{count:,}"
        page.locator(".hint", has_text=wanted).filter(has_not_text="reading").first.wait_for(timeout=120_000)
        told["all"] = 1000 * (time.perf_counter() - began)
    told["memory"] = sum(private_kb(tab_of(browser)["id"])) / 1024
    page.context.close()
    return told


def row(tab: str, told: dict[str, float | None]) -> str:
    """A line of the table."""
    return f"| {tab} | " + " | ".join("–" if value is None else f"{value:.0f}" for value in told.values()) + " |"


def tab_of(browser: Browser) -> dict[str, Any]:
    """Chromium's own account of the tab's process: the one of its renderers that has worked most."""
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return max((each for each in told if each["type"] == "renderer"), key=lambda each: float(each["cpuTime"]))


def private_kb(pid: int) -> Iterator[int]:
    """The private parts of a process's memory."""
    with contextlib.suppress(FileNotFoundError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_"):
                yield int(line.split()[1])


def results_on_screen(browser: Browser, peer: Studyhall) -> Iterator[float]:
    """Milliseconds from a result's acknowledgement to its place on the open page, once for each result."""
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{peer.port}/#key={peer.key}&page=/studies/{peer.study}")
    page.locator(".freshness[data-state=live]").wait_for(timeout=60_000)
    peer.connect()
    for index in range(RESULTS):
        value = -1.0 - index  # better than all before it
        peer.tell(peer.ask(), value)
        began = time.perf_counter()
        page.locator(".best-card .figure", has_text=str(int(value))).wait_for(timeout=30_000)
        yield 1000 * (time.perf_counter() - began)
        page.wait_for_timeout(700)
    page.close()


if __name__ == "__main__":
    main()
