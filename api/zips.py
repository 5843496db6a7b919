"""A session as a zip with its proof, whoever asks for it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from domain.errors import Conflict
from domain.ports import EventStore, Recorded
from domain.proof import Auditor
from projections.exports import in_zip


async def zipped(
    store: EventStore,
    auditor: Auditor,
    session_id: UUID,
    *,
    with_key: bool,
    sign: Callable[[], Awaitable[object]] | None = None,
) -> bytes:
    """The zip of all that is recorded now, for which `sign` may make a checkpoint first.

    Raises SessionNotFound, Unavailable, CorruptLog.
    """
    while True:
        last, renderings = await store.made_of(session_id, _to_read)
        if sign:
            await sign()
        # Whoever was erased since then isn't to be read any more: it is made anew, without a word.
        with suppress(Conflict):
            return await auditor.bundle(session_id, last, renderings, with_key=with_key)


def _to_read(history: Sequence[Recorded]) -> tuple[int, Mapping[str, bytes]]:
    """Up to which version, and the files for reading."""
    return history[-1].version, in_zip(history)
