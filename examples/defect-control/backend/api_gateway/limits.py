"""So many requests in any sixty seconds, per client and group. Exact: the moments of the last minute are remembered.

In this process's memory: one gateway is the one way in. Several behind a balancer would each allow the whole rate.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 60.0
MOST_CLIENTS = 20_000


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        told = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_seconds),
        }
        return told if self.allowed else told | {"Retry-After": str(self.reset_seconds)}


class RateLimits:
    def __init__(self, rates: dict[str, int], clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def take(self, group: str, client: str) -> Verdict:
        now = self._clock()
        limit = self._rates[group]
        moments = self._seen.setdefault((group, client), deque())
        self._seen.move_to_end((group, client))
        while len(self._seen) > MOST_CLIENTS:  # the longest silent is forgotten first
            self._seen.popitem(last=False)
        while moments and moments[0] <= now - WINDOW_SECONDS:
            moments.popleft()
        allowed = len(moments) < limit
        if allowed:
            moments.append(now)
        reset = math.ceil(moments[0] + WINDOW_SECONDS - now)
        return Verdict(allowed, limit, limit - len(moments), max(1, reset))
