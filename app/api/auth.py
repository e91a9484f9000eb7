"""Who asks: bearer keys, looked up by id, compared in constant time, remembered for five seconds.

A key comes in the Authorization header and nowhere else. Every refusal says the same, whatever was wrong with the key,
and costs the same, so that neither tells which keys exist.
"""

import hmac
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, get_args

from app.services.key_text import hash_of, id_of
from app.services.principal import Principal, Scope
from studyhall.errors import RateLimited, Unauthenticated

REMEMBERED_S: Final = 5.0
"""How long a revoked key may still be taken, at most."""
MOST_FAILURES: Final = 20
WINDOW_S: Final = 60.0
_MOST_REMEMBERED: Final = 10_000
_SCOPES: Final[dict[str, Scope]] = {scope: scope for scope in get_args(Scope)}
_NOBODY: Final = "0" * 64

NO_AUTHENTICATION: Final = Principal(key_id="", project="default", scope="admin")
"""Who asks when authentication is switched off."""


class StoredKey(Protocol):
    """What the database knows of a key; times in seconds since 1970."""

    @property
    def id(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def study_id(self) -> str | None: ...
    @property
    def hash(self) -> str: ...
    @property
    def expires_at(self) -> float | None: ...
    @property
    def revoked_at(self) -> float | None: ...
    @property
    def taken_until(self) -> float | None: ...


FindKey = Callable[[str], Awaitable[StoredKey | None]]


class Authenticator:
    """Turns an Authorization header into a principal.

    Args:
        find_key: looks a key up by its id.
        required: False lets everybody be admin; for one person on one machine.
        on_use: told the id of a key that was found right, at most once in five seconds.
        now, monotonic: the clocks.
    """

    def __init__(
        self,
        find_key: FindKey,
        *,
        required: bool = True,
        on_use: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find_key = find_key
        self._required = required
        self._on_use = on_use
        self._now = now
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, Principal]] = {}
        self._failures = _Failures(monotonic)

    async def principal(self, authorization: bytes | None, address: str) -> Principal:
        """Who sent the header.

        Raises:
            Unauthenticated: no key, or none that is valid now.
            RateLimited: the same from an address that has sent too many bad keys within a minute. Good keys from
                there are still taken: one worker with an old key must not lock out its neighbours.
        """
        if not self._required:
            return NO_AUTHENTICATION
        text = _bearer(authorization)
        digest = hash_of(text)
        found = self._known.get(digest)
        if found is not None and found[0] > self._monotonic():
            return found[1]
        principal = await self._look_up(text, digest)
        if principal is None:
            self._failures.count(address)
            raise Unauthenticated
        self._remember(digest, principal)
        self._on_use(principal.key_id)
        return principal

    def forget(self, key_id: str) -> None:
        """Makes a revoked key unknown at once."""
        self._known = {digest: known for digest, known in self._known.items() if known[1].key_id != key_id}

    async def _look_up(self, text: str, digest: str) -> Principal | None:
        key_id = id_of(text)
        key = await self._find_key(key_id) if key_id is not None else None
        is_right = hmac.compare_digest(key.hash if key else _NOBODY, digest)
        if key is None or not is_right or key.revoked_at is not None:
            return None
        if any(end is not None and end <= self._now() for end in (key.expires_at, key.taken_until)):
            return None
        return Principal(key_id=key.id, project=key.project, scope=_SCOPES[key.scope], study=key.study_id)

    def _remember(self, digest: str, principal: Principal) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (self._monotonic() + REMEMBERED_S, principal)


class _Failures:
    """Counts refused keys per address, over a sliding minute."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._times: dict[str, deque[float]] = {}

    def count(self, address: str) -> None:
        """Notes one more.

        Raises:
            RateLimited: there were twenty already.
        """
        now = self._monotonic()
        times = self._times.setdefault(address, deque())
        while times and times[0] <= now - WINDOW_S:
            times.popleft()
        if len(times) >= MOST_FAILURES:
            wait_s = math.ceil(times[0] + WINDOW_S - now)
            raise RateLimited("Too many refused keys from this address.", retry_after_s=wait_s)
        times.append(now)
        if len(self._times) > _MOST_REMEMBERED:
            self._forget_old(now)

    def _forget_old(self, now: float) -> None:
        self._times = {address: times for address, times in self._times.items() if times[-1] > now - WINDOW_S}
        if len(self._times) > _MOST_REMEMBERED:  # a flood from everywhere: forget the count rather than fill the memory
            self._times.clear()


def _bearer(authorization: bytes | None) -> str:
    scheme, _, text = (authorization or b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    return text.strip()
