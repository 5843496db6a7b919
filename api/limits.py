"""How many of something one address, or one session, may have at once: of each process for itself."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from domain.errors import RateLimited


class Tally:
    """Counts what is open, by whom it belongs to. `what` completes "Too many ..."."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._open: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        """How many are open in all."""
        return self._open.total()

    def require_room(self, owner: Hashable) -> None:
        """Raises RateLimited where the owner has as many as are accepted."""
        if self._open[owner] >= self._most:
            raise RateLimited(f"Too many {self._what}: {self._most} are accepted")

    def take(self, owner: Hashable) -> None:
        """One more is open."""
        self._open[owner] += 1

    def give_back(self, owner: Hashable) -> None:
        """One of them is open no more."""
        self._open[owner] -= 1
        if not self._open[owner]:
            del self._open[owner]

    @contextmanager
    def one_more(self, owner: Hashable) -> Iterator[None]:
        """Meanwhile, one more is open. Raises RateLimited."""
        self.require_room(owner)
        self.take(owner)
        try:
            yield
        finally:
            self.give_back(owner)
