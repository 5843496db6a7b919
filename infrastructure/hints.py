"""What it takes to name what was changed under a checkpoint, in a few bytes an event.

A Merkle root says that something is wrong, and not what. So a checkpoint commits, by hash, to a table beside
it: which versions of which sessions it covers, and four bytes of each leaf's hash. Four bytes aren't proof,
and needn't be: that something was changed is proved by the root.

    number of runs, as 4 bytes; for each run: session, first version, number of versions (16, 8 and 4 bytes);
    then the prints of the runs' events, one after another

A run is of consecutive versions; there is more than one of a session only where the log had a hole already.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

PRINT_BYTES = 4

_COUNT = struct.Struct(">I")
_RUN = struct.Struct(">16sqI")


class Place(NamedTuple):
    """An event, by its session and version."""

    session_id: UUID
    version: int


class _Run:
    """Consecutive versions of a session, and their prints."""

    __slots__ = ("first", "prints")

    def __init__(self, first: int) -> None:
        self.first = first
        self.prints: list[bytes] = []

    @property
    def next(self) -> int:
        return self.first + len(self.prints)


def print_of(leaf_hash: bytes) -> bytes:
    """What is kept of a leaf's hash."""
    return leaf_hash[:PRINT_BYTES]


def write_hints(leaves: Iterable[tuple[bytes, int, bytes]]) -> bytes:
    """The hints for leaves in the order of their positions: session, version and hash of each."""
    runs: list[tuple[bytes, _Run]] = []
    latest: dict[bytes, _Run] = {}
    for session, version, leaf_hash in leaves:
        run = latest.get(session)
        if run is None or run.next != version:
            run = latest[session] = _Run(version)
            runs.append((session, run))
        run.prints.append(print_of(leaf_hash))
    return b"".join(
        [
            _COUNT.pack(len(runs)),
            *(_RUN.pack(session, run.first, len(run.prints)) for session, run in runs),
            *(each for _, run in runs for each in run.prints),
        ]
    )


def read_hints(hints: bytes) -> Mapping[Place, bytes]:
    """The print of each event. Raises ValueError for what aren't hints."""
    try:
        (count,) = _COUNT.unpack_from(hints)
        runs = [_RUN.unpack_from(hints, _COUNT.size + number * _RUN.size) for number in range(count)]
    except struct.error:
        raise ValueError("hints are cut off") from None
    at = _COUNT.size + count * _RUN.size
    if len(hints) != at + PRINT_BYTES * sum(length for *_, length in runs):
        raise ValueError("hints have another length than they say")
    prints: dict[Place, bytes] = {}
    for session, first, length in runs:
        session_id = UUID(bytes=session)
        for version in range(first, first + length):
            prints[Place(session_id, version)] = hints[at : at + PRINT_BYTES]
            at += PRINT_BYTES
    return prints
