"""What operators ask of all conversations together, as JSON or CSV. SQL has more: see `docs/analytics.md`."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct
from msgspec.structs import asdict

from api.auth import operators_only
from api.days import Since, Until, require_range
from api.docs import OPERATOR, also_as
from api.errors import problems
from api.limits import OperatorRequests
from domain.ports import Clock
from projections.csv import MEDIA_TYPE, as_csv
from projections.questions import Day, Details, Endings, Hour, Questions, Replies, Suggestions, Sums

T = TypeVar("T", bound=Struct)

Format = Annotated[
    Literal["json", "csv"] | None,
    QueryParameter(description="Else `Accept: text/csv` asks for CSV, and anything else for JSON"),
]
ALIKE = {
    "responses": problems(400, 401, 429, 503),
    "operation_class": also_as(MEDIA_TYPE),
    "security": [OPERATOR],
}


class Analytics(Controller):
    """Everything under `/api/analytics`."""

    path = "/api/analytics"
    tags = ("Analytics",)
    guards = (operators_only,)
    middleware = (OperatorRequests,)

    @get("/overview/", operation_id="getOverview", **ALIKE)
    async def overview(
        self,
        request: Request[Any, Any, Any],
        questions: NamedDependency[Questions],
        clock: NamedDependency[Clock],
        since: Since = None,
        until: Until = None,
        format: Format = None,
    ) -> Response[Sums]:
        """What happened in all those days together."""
        rows = await _rows(questions.overview, clock, since, until)
        return _told(Sums, rows, request, format, one=True)

    @get("/daily/", operation_id="getDaily", **ALIKE)
    async def daily(
        self,
        request: Request[Any, Any, Any],
        questions: NamedDependency[Questions],
        clock: NamedDependency[Clock],
        since: Since = None,
        until: Until = None,
        format: Format = None,
    ) -> Response[Sequence[Day]]:
        """What happened on each day on which anything did, in order."""
        return _told(Day, await _rows(questions.daily, clock, since, until), request, format)

    @get("/hourly/", operation_id="getHourly", **ALIKE)
    async def hourly(
        self,
        request: Request[Any, Any, Any],
        questions: NamedDependency[Questions],
        clock: NamedDependency[Clock],
        since: Since = None,
        until: Until = None,
        format: Format = None,
    ) -> Response[Sequence[Hour]]:
        """What happened in each hour in which anything did, in order."""
        return _told(Hour, await _rows(questions.hourly, clock, since, until), request, format)

    @get("/replies/", operation_id="getReplies", **ALIKE)
    async def replies(
        self,
        request: Request[Any, Any, Any],
        questions: NamedDependency[Questions],
        clock: NamedDependency[Clock],
        since: Since = None,
        until: Until = None,
        format: Format = None,
    ) -> Response[Sequence[Replies]]:
        """Replies, by assistant and how they ended, the commonest first."""
        return _told(Replies, await _rows(questions.replies, clock, since, until), request, format)

    @get("/endings/", operation_id="getEndings", **ALIKE)
    async def endings(
        self,
        request: Request[Any, Any, Any],
        questions: NamedDependency[Questions],
        clock: NamedDependency[Clock],
        since: Since = None,
        until: Until = None,
        format: Format = None,
    ) -> Response[Sequence[Endings]]:
        """Why conversations ended, the commonest reason first."""
        return _told(Endings, await _rows(questions.endings, clock, since, until), request, format)

    @get("/suggestions/", operation_id="getSuggestions", **ALIKE)
    async def suggestions(
        self,
        request: Request[Any, Any, Any],
        questions: NamedDependency[Questions],
        clock: NamedDependency[Clock],
        since: Since = None,
        until: Until = None,
        format: Format = None,
    ) -> Response[Sequence[Suggestions]]:
        """What was suggested, that which was taken most often first: 200 at most."""
        return _told(Suggestions, await _rows(questions.suggestions, clock, since, until), request, format)

    @get("/details/", operation_id="getDetails", **ALIKE)
    async def details(
        self,
        request: Request[Any, Any, Any],
        questions: NamedDependency[Questions],
        clock: NamedDependency[Clock],
        since: Since = None,
        until: Until = None,
        format: Format = None,
    ) -> Response[Sequence[Details]]:
        """Which details visitors gave, in the conversations that were started then."""
        return _told(Details, await _rows(questions.details, clock, since, until), request, format)


async def _rows(
    question: Callable[[date | None, date | None], Awaitable[Sequence[T]]],
    clock: Clock,
    since: date | None,
    until: date | None,
) -> Sequence[T]:
    require_range(since, until, clock.now().date())
    return await question(since, until)


def _told(
    kind: type[T],
    rows: Sequence[T],
    request: Request[Any, Any, Any],
    format: str | None,
    *,
    one: bool = False,
) -> Response[Any]:
    wants_csv = MEDIA_TYPE in request.headers.get("accept", "")
    if format == "csv" or (format is None and wants_csv):
        return Response(as_csv(kind.__struct_fields__, map(asdict, rows)), media_type=MEDIA_TYPE)
    return Response(rows[0] if one else rows)
