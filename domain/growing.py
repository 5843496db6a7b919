"""A map that grows without being copied.

A session of a thousand messages passes through thousands of states, and many of them are kept: in caches, in
snapshots, for those who are still to be told. So they share what was ever put in, and each knows how much of
it is its own.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_NOWHERE = -1


class _Entry(NamedTuple, Generic[K, V]):
    """A value, and where the one stands that the same key had before."""

    key: K
    value: V
    before: int


class Growing(Mapping[K, V]):
    """What has been put in so far: of each key, the latest. It never changes; `plus` makes another one."""

    __slots__ = ("_count", "_entries", "_latest")

    def __init__(self) -> None:
        self._entries: list[_Entry[K, V]] = []
        self._latest: dict[K, int] = {}
        self._count = 0

    def plus(self, key: K, value: V) -> "Growing[K, V]":
        """This, and one more; or another value for a key that it has."""
        grown = Growing[K, V]()
        grown._entries, grown._latest = self._entries, self._latest
        if len(self._entries) > self._count:
            # Something stands in our place already. Mostly it is the same: events are folded more than once.
            then = self._entries[self._count]
            if (then.key, then.value) != (key, value):
                grown._entries, grown._latest = [], {}
                for entry in self._entries[: self._count]:
                    grown._put(entry.key, entry.value)
                grown._put(key, value)
        else:
            grown._put(key, value)
        grown._count = self._count + 1
        return grown

    def _put(self, key: K, value: V) -> None:
        self._entries.append(_Entry(key, value, self._latest.get(key, _NOWHERE)))
        self._latest[key] = len(self._entries) - 1

    def _place(self, key: K) -> int:
        place = self._latest.get(key, _NOWHERE)
        while place >= self._count:  # put in after us
            place = self._entries[place].before
        return place

    def __getitem__(self, key: K) -> V:
        place = self._place(key)
        if place == _NOWHERE:
            raise KeyError(key)
        return self._entries[place].value

    def __iter__(self) -> Iterator[K]:
        return iter(dict.fromkeys(entry.key for entry in self._entries[: self._count]))

    def __len__(self) -> int:
        return sum(1 for _ in self)
