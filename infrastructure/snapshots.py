"""Snapshots: what was known of long sessions now and then, so that who comes back reads their end alone."""

from collections import OrderedDict
from uuid import UUID

from domain.session import ChatSession
from infrastructure.known import Known

SNAPSHOT_EVENTS = 250
"""Whoever comes back to a session that is known here reads at most so much of what was before."""

MOST_SNAPSHOTS = 5_000
"""Snapshots that are kept at most, of all sessions together."""


class Snapshots:
    """Those of all sessions together."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, int], Known] = OrderedDict()

    @staticmethod
    def is_due(version: int) -> bool:
        """Whether what is known at this version is worth keeping."""
        return version % SNAPSHOT_EVENTS == 0

    def keep(self, known: Known) -> None:
        """Keep what is known, in the place of what is oldest."""
        self._kept[known.session.session_id, known.session.version] = known
        if len(self._kept) > MOST_SNAPSHOTS:
            self._kept.popitem(last=False)

    def before(self, session_id: UUID, after: int) -> Known | None:
        """The latest one of a session up to a version."""
        for version in range(after - after % SNAPSHOT_EVENTS, 0, -SNAPSHOT_EVENTS):
            if snapshot := self._kept.get((session_id, version)):
                self._kept.move_to_end((session_id, version))
                return snapshot
        return None

    def drop(self, session: ChatSession) -> None:
        """Forget those of a session, up to its version."""
        for version in range(SNAPSHOT_EVENTS, session.version + 1, SNAPSHOT_EVENTS):
            self._kept.pop((session.session_id, version), None)
