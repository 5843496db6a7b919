"""Lists of sessions for operators, and the search in what was said."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from api.auth import operators_only
from api.days import Since, Until, require_range
from api.docs import OPERATOR
from api.errors import problems
from api.limits import OperatorRequests
from domain.ports import Clock
from projections.session_list import Listed, SessionList, Status, Wanted

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many at most")]
After = Annotated[UUID | None, QueryParameter(description="`next` of the page before")]
Text = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=200,
        description='Words of one message or reply: `"lease term"` as they stand, `or`, `-without`',
    ),
]


class Page(Struct, frozen=True):
    """Sessions, the newest first. `next` is what to give as `after` for those that follow, if any do."""

    sessions: Sequence[Listed]
    next: UUID | None


@get(
    "/api/audit/sessions/",
    guards=[operators_only],
    middleware=[OperatorRequests],
    tags=["Audit"],
    operation_id="listSessions",
    responses=problems(400, 401, 404, 429, 503),
    security=[OPERATOR],
)
async def list_sessions(
    session_list: NamedDependency[SessionList],
    clock: NamedDependency[Clock],
    status: FromQuery[Status | None] = None,
    visitor_id: FromQuery[UUID | None] = None,
    since: Since = None,
    until: Until = None,
    q: Text = None,
    limit: Limit = 50,
    after: After = None,
) -> Page:
    """Sessions that were started on these days, and of which all that is asked is true."""
    require_range(since, until, clock.now().date())
    wanted = Wanted(status, visitor_id, since, until, q)
    # One more than is shown tells whether there are more.
    found = await session_list.page(wanted, limit + 1, after)
    shown = found[:limit]
    return Page(shown, shown[-1].session_id if len(found) > limit else None)
