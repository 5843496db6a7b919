"""Ranges of days, as requests name them: of ten years at most."""

from datetime import date, timedelta
from typing import Annotated

from litestar.params import QueryParameter

from domain.errors import InvalidRequest

MOST_DAYS = 3_660

Since = Annotated[date | None, QueryParameter(description="The first day, in UTC, such as 2026-10-01")]
Until = Annotated[
    date | None,
    QueryParameter(
        description=f"The last day, in UTC, all of which counts; else today. {MOST_DAYS} days at most"
    ),
]


def require_range(since: date | None, until: date | None, today: date) -> None:
    """Raises InvalidRequest for a range that runs backwards, or is too long. Without a first day it begins
    with what was recorded first."""
    if since is None:
        return
    if until and since > until:
        raise InvalidRequest(f"since={since} is after until={until}: give the earlier day as since")
    last = until or today
    if (last - since).days >= MOST_DAYS:
        earliest = last - timedelta(days=MOST_DAYS - 1)
        raise InvalidRequest(
            f"since={since} until {last} is more than {MOST_DAYS} days: give {earliest} or later as since"
        )
