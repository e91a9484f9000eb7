"""Renews the leases of asked trials from one background thread, so that slow evaluations keep what they hold."""

import logging
import weakref
from collections.abc import Callable
from threading import Condition, Thread
from time import monotonic

from studyhall.asked_trial import AskedTrial
from studyhall.errors import StudyhallError

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Keeps trials until they end, are lost, or nobody refers to them any more: then the lease runs out by itself."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._changed = Condition()
        self._due: weakref.WeakKeyDictionary[AskedTrial, float] = weakref.WeakKeyDictionary()
        self._thread: Thread | None = None

    def keep(self, trial: AskedTrial) -> None:
        """Renews a trial's lease from now on."""
        with self._changed:
            self._due[trial] = self._clock() + trial.heartbeat_s
            if self._thread is None:
                self._thread = Thread(target=self._renew_until_idle, name="studyhall-leases", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Lets every lease run out."""
        with self._changed:
            self._due.clear()
            self._changed.notify()

    def renew_due(self) -> None:
        """Renews what is due now."""
        for trial in self._due_now():
            try:
                trial.heartbeat()
                pause_s = trial.heartbeat_s
            except StudyhallError:
                pause_s = trial.heartbeat_s / 4  # a lost trial says so itself; an absent server may be back soon
            except Exception:  # the edge of a thread: the leases of all other trials hang on it
                logger.exception("the lease of trial %s could not be renewed", trial.id)
                pause_s = trial.heartbeat_s / 4
            with self._changed:
                if trial in self._due:
                    self._due[trial] = self._clock() + pause_s

    def _due_now(self) -> list[AskedTrial]:
        with self._changed:
            for trial in [trial for trial in self._due if trial.has_ended or trial.is_lost]:
                del self._due[trial]
            return [trial for trial, due in self._due.items() if due <= self._clock()]

    def _renew_until_idle(self) -> None:
        while True:
            self.renew_due()
            with self._changed:
                if not self._due:
                    self._thread = None
                    return
                self._changed.wait(max(min(self._due.values()) - self._clock(), 0.0))
