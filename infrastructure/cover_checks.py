"""What checkpoints say of the log: that it holds what it held when they were signed, and nothing else.

A checkpoint is to be trusted where it is anchored, or else where a key that we trust has signed it. Of one
that isn't, only that is told. Where the log doesn't match one that is, its hints tell what was changed.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.proof import Anchor, Checkpoint, Finding
from infrastructure.checkpoints import END_OF_LOG, GENESIS, has_signature_of, hash_of, leaf_of
from infrastructure.hints import Place, print_of, read_hints
from infrastructure.merkle import root_of
from infrastructure.session_checks import Report, found
from infrastructure.signing import key_id

Stored = tuple[Checkpoint, bytes]
"""A checkpoint as it is kept, with its hints."""


class Covered(NamedTuple):
    """An event where it stands in the log."""

    position: int
    session_id: UUID
    version: int
    digest: bytes


class Cover(Struct, frozen=True):
    """Positions after one, up to another, that belong to a checkpoint, or to those that are missing. Without
    a `checkpoint` that is to be trusted there is nothing to compare them with. `faults` are the checkpoint's
    own."""

    name: str
    number: int
    after: int
    up_to: int
    checkpoint: Checkpoint | None
    hints: bytes | None
    faults: tuple[str, ...] = ()
    is_anchored: bool = False


def covers(
    stored: Iterable[Stored], public_key: bytes, anchor: Anchor | None, *, whole: bool = True
) -> Iterator[Cover]:
    """The covers that checkpoints make, in the order of their numbers and without overlapping; of all
    checkpoints, unless they aren't the `whole` of them."""
    before: Cover | None = None
    for judged in _judged(stored, public_key, anchor, whole=whole):
        start = before.up_to if before else 0
        if before and judged.is_anchored and before.after <= judged.after < start:
            before, start = replace(before, checkpoint=None, up_to=judged.after), judged.after  # contradicted
        # One that doesn't go on from the one before has been told of.
        checkpoint = judged.checkpoint if judged.after >= start else None
        after = max(judged.after, start) if checkpoint or not whole else start
        cover = replace(judged, checkpoint=checkpoint, after=after, up_to=max(judged.up_to, after))
        if before:
            # Where it says that it ends may be a lie.
            yield before if before.checkpoint else replace(before, up_to=max(cover.after, before.after))
        before = cover
    if before:
        yield replace(before, up_to=END_OF_LOG) if before.checkpoint is None and whole else before


class _Trust:
    """Whose signature counts, by the checkpoint's number: with the anchor's key that is vouched for by it."""

    def __init__(self, public_key: bytes, anchor: Anchor | None) -> None:
        self._own = public_key
        self._anchor = anchor
        self._vouched = anchor.checkpoints[-1].number if anchor else 0

    def fault_of(self, checkpoint: Checkpoint) -> str:
        """Why a checkpoint isn't to be trusted, or nothing."""
        keys = [self._own]
        if self._anchor and checkpoint.number <= self._vouched:
            keys.append(self._anchor.public_key)
        by_id = {key_id(key): key for key in keys}
        key = by_id.get(checkpoint.key_id)
        if key is None:
            ours = key_id(self._own)
            return f"it is signed with the key {checkpoint.key_id!r}, while this service's is {ours}"
        return "" if has_signature_of(checkpoint, key) else "its signature doesn't hold: it was changed"


def _judged(
    stored: Iterable[Stored], public_key: bytes, anchor: Anchor | None, *, whole: bool
) -> Iterator[Cover]:
    trust = _Trust(public_key, anchor)
    number = 0
    before: Checkpoint | None = None
    for kept, anchored in _side_by_side(stored, anchor):
        one = anchored or (kept[0] if kept else None)
        assert one
        if whole and one.number > number + 1:
            yield _missing(number + 1, one.number - 1, one.after)
        if kept and not anchored and (fault := trust.fault_of(one)):
            cover = Cover(_name(one), one.number, one.after, one.up_to, None, None, (fault,))
        else:
            cover = Cover(_name(one), one.number, one.after, one.up_to, one, kept[1] if kept else None)
            if anchored and anchor:
                cover = _against_anchor(cover, kept, anchored, anchor)
            cover = _with(_with_hints_that_hold(cover, one), _fault_of_chain(one, before))
        yield cover
        before = cover.checkpoint
        number = one.number


def _side_by_side(
    stored: Iterable[Stored], anchor: Anchor | None
) -> Iterator[tuple[Stored | None, Checkpoint | None]]:
    """Checkpoints of the same number: as they are kept, and as they are anchored."""
    waiting = deque(anchor.checkpoints if anchor else ())
    for kept in stored:
        while waiting and waiting[0].number < kept[0].number:
            yield None, waiting.popleft()
        is_anchored = waiting and waiting[0].number == kept[0].number
        yield kept, waiting.popleft() if is_anchored else None
    while waiting:
        yield None, waiting.popleft()


def _missing(first: int, last: int, up_to: int) -> Cover:
    name = f"checkpoint {first}" if first == last else f"checkpoints {first} to {last}"
    return Cover(name, first, up_to, up_to, None, None, ("missing, while there are later ones",))


def _name(checkpoint: Checkpoint) -> str:
    return f"checkpoint {checkpoint.number}"


def _with(cover: Cover, fault: str) -> Cover:
    return replace(cover, faults=(*cover.faults, fault)) if fault else cover


def _against_anchor(cover: Cover, kept: Stored | None, anchored: Checkpoint, anchor: Anchor) -> Cover:
    fault = ""
    if kept is None:
        fault = "it was anchored, and is missing: it was removed, or the log was cut off"
    elif hash_of(kept[0]) != hash_of(anchored):
        fault = "it isn't the one that was anchored: the log was written anew"
    hints = anchor.hints.get(anchored.number, cover.hints)
    return _with(replace(cover, is_anchored=True, hints=hints), fault)


def _with_hints_that_hold(cover: Cover, one: Checkpoint) -> Cover:
    if cover.hints is None:
        return cover
    unnamed = replace(cover, hints=None)
    if sha256(cover.hints).digest() != one.hints_hash:
        fault = "its hints were changed: they aren't those that it was signed with"
        return unnamed if cover.faults else _with(unnamed, fault)
    if not _are_hints(cover.hints):
        return _with(unnamed, "its hints are none, though it is signed with them: somebody else has the key")
    return cover


def _are_hints(hints: bytes) -> bool:
    try:
        read_hints(hints)
    except ValueError:
        return False
    return True


def _fault_of_chain(one: Checkpoint, before: Checkpoint | None) -> str:
    """Why a checkpoint doesn't go on from the one before, or nothing."""
    if one.number == 1 and (one.before, one.after) != (GENESIS, 0):
        return "it is the first, and goes on from another"
    if before and before.number == one.number - 1 and one.before != hash_of(before):
        return f"it doesn't name the hash of checkpoint {before.number}: that one was replaced"
    if before and before.number == one.number - 1 and one.after != before.up_to:
        return f"it doesn't begin where checkpoint {before.number} ends"
    return ""


# --- events under covers


class CoverChecks:
    """Fed with all events in the order of their positions, compares them with covers."""

    def __init__(self, covers: Iterator[Cover], report: Report) -> None:
        self._covers = covers
        self._report = report
        self._cover = next(covers, None)
        self._events: list[Covered] = []
        self._last: Covered | None = None
        self.count = 0
        self.latest: int | None = None
        self.uncovered = 0

    def take(self, event: Covered) -> bool:
        """Take the next event in; whether it came before the end of the last checkpoint."""
        while self._cover and event.position > self._cover.up_to:
            self._close(self._cover)
        if event.position <= 0:
            what = "stands before the log's beginning: it was inserted, or moved"
            self._report(found(what, event.session_id, event.version, event.position))
        elif self._cover is None:
            self.uncovered += 1
            return False
        elif event.position > self._cover.after and (self._cover.checkpoint or not self._events):
            self._events.append(event)
        return True

    def finish(self) -> None:
        """The log has ended: compare what is left."""
        while self._cover:
            self._close(self._cover)

    def _close(self, cover: Cover) -> None:
        for finding in compared(cover, self._events, self._last):
            self._report(finding)
        self._last = self._events[-1] if self._events else self._last
        if cover.checkpoint:
            self.count += 1
            self.latest = cover.number
        self._events = []
        self._cover = next(self._covers, None)


def compared(cover: Cover, events: Sequence[Covered], last: Covered | None = None) -> Iterator[Finding]:
    """What is wrong with a cover, and with the events at its positions; if there are none, the `last` one
    before tells where that is."""
    end = "the end" if cover.up_to == END_OF_LOG else cover.up_to
    where = f"{cover.name}, of positions {cover.after + 1} to {end}"
    prints = read_hints(cover.hints) if cover.hints is not None else None
    at = events[0] if events else last
    place = Place(at.session_id, at.version) if at else None
    begins = (
        f", {'from' if events else 'after'} session {at.session_id}, version {at.version}, on" if at else ""
    )
    position = at.position if at else None
    for fault in cover.faults:
        yield Finding(f"{where}{begins}: {fault}", *(place or (None, None)), position)
    if cover.checkpoint is None:
        return
    leaves = [leaf_of(event.position, event.digest) for event in events]
    if root_of(leaves) == cover.checkpoint.root:
        return
    named = [*_named(cover, prints, events, leaves)] if prints is not None else []
    if named:
        yield from named
    else:
        what = "the log doesn't hold there what it held when that was signed"
        yield Finding(f"{where}{begins}: {what}", *(place or (None, None)), position)


def _named(
    cover: Cover, prints: Mapping[Place, bytes], events: Sequence[Covered], leaves: Sequence[bytes]
) -> Iterator[Finding]:
    """What was changed, event by event."""
    here = {
        Place(event.session_id, event.version): (event.position, print_of(leaf))
        for event, leaf in zip(events, leaves, strict=True)
    }
    then = f"when {cover.name} was signed"
    for first, last in _runs([place for place in prints if place not in here]):
        what = f"removed or moved: at positions {cover.after + 1} to {cover.up_to} it was there {then}"
        yield found(what, first.session_id, first.version, None, last)
    for first, last in _runs([place for place in here if place not in prints]):
        what = f"inserted or moved: at position {here[first][0]} it wasn't there {then}"
        yield found(what, first.session_id, first.version, here[first][0], last)
    for first, last in _runs(
        [place for place in here if prints.get(place, here[place][1]) != here[place][1]]
    ):
        what = f"changed or moved: at position {here[first][0]} something else was {then}"
        yield found(what, first.session_id, first.version, here[first][0], last)


def _runs(places: Sequence[Place]) -> Iterator[tuple[Place, int]]:
    """Consecutive versions of one session: where they begin, and the last of them."""
    first: Place | None = None
    last = 0
    for place in sorted(places):
        if first and place == (first.session_id, last + 1):
            last = place.version
            continue
        if first:
            yield first, last
        first, last = place, place.version
    if first:
        yield first, last
