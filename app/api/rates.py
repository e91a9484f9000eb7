"""How often a key may ask: a guard against a client that has run wild, not a quota.

One key may serve a whole fleet, so that the defaults are high; what protects everybody else below them is the writer's
short queue. What ends or renews a lease is never refused here: it is the last thing that an overload may cost.
"""

import math
import time
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from studyhall.errors import RateLimited

BURST_S = 2.0
"""A bucket holds as much as flows into it in this time."""
_MOST_KEYS = 10_000

PerSecond = Annotated[float, Field(gt=0, le=1e6)]


class RateSettings(BaseModel):
    """How often one key may ask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    writes_per_s: PerSecond = Field(
        5000.0, description="Writes a second by one key, but for heartbeats and results; bursts of two seconds' worth."
    )
    reads_per_s: PerSecond = Field(1000.0, description="Reads a second by one key; bursts of two seconds' worth.")


class Rates:
    """Token buckets by key and kind.

    Args:
        monotonic: the clock, in seconds.
    """

    def __init__(self, settings: RateSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_s = {True: settings.writes_per_s, False: settings.reads_per_s}
        self._monotonic = monotonic
        self._buckets: dict[tuple[str, bool], tuple[float, float]] = {}

    def take(self, key_id: str, *, is_write: bool) -> None:
        """Counts one request.

        Raises:
            RateLimited: the key has used up what it may; says when to ask again.
        """
        now, per_s = self._monotonic(), self._per_s[is_write]
        full = max(1.0, per_s * BURST_S)
        left, at = self._buckets.get((key_id, is_write), (full, now))
        left = min(full, left + (now - at) * per_s)
        if left < 1.0:
            kind, wait_s = "writes" if is_write else "reads", math.ceil((1.0 - left) / per_s)
            raise RateLimited(f"This key has sent more than {per_s:g} {kind} a second.", retry_after_s=wait_s)
        if len(self._buckets) >= _MOST_KEYS:
            self._buckets.clear()
        self._buckets[key_id, is_write] = (left - 1.0, now)
