"""Ranges of days, as requests name them."""

from datetime import date
from typing import Annotated

from litestar.params import QueryParameter

from domain.errors import InvalidRequest

Since = Annotated[date | None, QueryParameter(description="The first day, in UTC, such as 2026-10-01")]
Until = Annotated[date | None, QueryParameter(description="The last day, in UTC: all of it counts")]


def require_forward(since: date | None, until: date | None) -> None:
    """Raises InvalidRequest for a range that runs backwards."""
    if since and until and since > until:
        raise InvalidRequest(f"since={since} is after until={until}: give the earlier day as since")
