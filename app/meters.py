"""What a server counts and times of itself, for operators: `GET /metrics`.

Every number here is of this process; what lies in the database (trials, workers) is read when somebody asks. Counting
costs about a microsecond, so it may stand on the path of a request; labels come from short lists, never from users.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads."""

_FAST_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SLOW_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BATCH: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Stock:
    """What the database holds, counted when somebody asks; the keys are states."""

    trials: Mapping[str, int] = field(default_factory=dict)
    """Of the studies that have not ended."""
    studies: Mapping[str, int] = field(default_factory=dict)
    workers: Mapping[str, int] = field(default_factory=dict)


class Meters:
    """The counters, gauges and histograms of one process. Any thread may count."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._info = self._gauge("info", "Always 1; its label is the version.", "version")
        self._info.labels(version("studyhall")).set(1)

        self.requests = self._counter("requests", "Requests answered.", "route", "status")
        self.request_s = self._histogram(
            "request_seconds", "Time to the end of an answer; claims and events may wait on purpose.", _FAST_S, "route"
        )
        self.claims = self._counter("claims", "Claims answered, by what they got.", "outcome")
        self.claim_s = self._histogram("claim_seconds", "How long claims waited that got a trial.", _SLOW_S)
        self.claims_waiting = self._gauge("claims_waiting", "Claims that wait for a trial now.")
        self.trials_handed_out = self._counter("trials_handed_out", "Trials given to workers.")
        self.leases_lost = self._counter("leases_lost", "Leases that ran out because their worker was silent.")
        self.sweeps = self._counter("sweeps", "Rounds of the sweeper, by how they ended.", "outcome")

        self.suggestions = self._counter("suggestions", "Suggestions made, by engine.", "algorithm")
        self.suggestion_s = self._histogram(
            "suggestion_seconds", "Time of one call of an engine, waiting for its turn included.", _SLOW_S, "algorithm"
        )
        self.fallbacks = self._counter(
            "suggestion_fallbacks", "Times that chance had to answer for an engine.", "algorithm", "reason"
        )

        self.commit_s = self._histogram("commit_seconds", "Time of one transaction of the writer.", _FAST_S)
        self.commit_writes = self._histogram("commit_writes", "Writes that one transaction took together.", _BATCH)
        self.read_s = self._histogram("read_seconds", "Time of one query, its wait for a reader included.", _FAST_S)
        self.database_errors = self._counter("database_errors", "Transactions and queries that failed.", "kind")
        self._queue = self._gauge("write_queue", "Writes that wait for the writer now.")

        self._stock = {
            "trials": self._gauge("trials", "Trials of the studies that have not ended.", "state"),
            "studies": self._gauge("studies", "Studies.", "state"),
            "workers": self._gauge("workers", "Workers.", "state"),
        }
        self._begin_at_zero()

    def claimed(self, trials: int, study_state: str | None, waited_s: float) -> None:
        """Counts a claim that got so many trials, or none: for now, or for good when its study has ended."""
        if trials:
            self.claim_s.observe(waited_s)
            self.trials_handed_out.inc(trials)
        outcome = "trials" if trials else "ended" if study_state in ("completed", "failed") else "nothing"
        self.claims.labels(outcome).inc()

    def _begin_at_zero(self) -> None:
        """A rate, and an alert on it, needs the zero that was there before the first one."""
        for counter, values in (
            (self.claims, ("trials", "nothing", "ended")),
            (self.sweeps, ("done", "failed")),
            (self.database_errors, ("read", "write", "transient")),
        ):
            for value in values:
                counter.labels(value)

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Where to read how many writes wait."""
        self._queue.set_function(length)

    def exposition(self, stock: Stock) -> bytes:
        """Everything, as Prometheus reads it."""
        for name, gauge in self._stock.items():
            gauge.clear()
            for state, count in getattr(stock, name).items():
                gauge.labels(state).set(count)
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"studyhall_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"studyhall_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"studyhall_{name}", about, labels, buckets=buckets, registry=self.registry)
