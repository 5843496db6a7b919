"""Time and chance from the operating system."""

from datetime import UTC, datetime
from uuid import UUID, uuid4


class SystemClock:
    """See `domain.ports.Clock`."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def new_id(self) -> UUID:
        return uuid4()
