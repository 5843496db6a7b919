"""REST and SSE for operators: one session as it is recorded, as it was, as it was seen, and to take away."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.response import Stream
from msgspec import Meta

from api.auth import operators_only
from api.docs import OPERATOR, also_as
from api.errors import problems
from api.event_pages import After, EventsPage, Limit, read_page
from api.lasting import Lasting
from api.limits import OperatorRequests
from api.replay import SPEED_PATTERN, Replay
from api.server_sent import event_stream
from api.zips import zipped
from domain.errors import InvalidRequest, SessionNotFound
from domain.ports import Clock, EventStore, Recorded
from domain.proof import Auditor
from projections.exports import EXPORTS, FORMATS, ZIP
from projections.states import SessionState, state, version_at
from projections.transcript import Transcript

ZIP_MEDIA_TYPE = "application/zip"

SessionId = Annotated[UUID, PathParameter(description="The session, whoever's it is")]
WithKey = Annotated[
    bool,
    QueryParameter(
        description="Add the visitor's key, so that the words are proved, and not their sealed bytes alone. "
        "It opens all that this visitor has ever said"
    ),
]


class Audit(Controller):
    """Everything under `/api/audit/sessions/{session_id}`."""

    path = "/api/audit/sessions/{session_id:uuid}"
    tags = ("Audit",)
    guards = (operators_only,)
    middleware = (OperatorRequests,)
    security = (OPERATOR,)

    @get("/events/", responses=problems(400, 401, 404, 429, 503), operation_id="listEvents")
    async def events(
        self,
        store: NamedDependency[EventStore],
        session_id: SessionId,
        after: After = None,
        limit: Limit = 100,
    ) -> EventsPage:
        """The session's events as recorded, what is sealed opened; without it, for an erased visitor."""
        session = await store.refresh(session_id)
        if session is None:
            raise SessionNotFound
        return await read_page(store.read, session, after, limit)

    @get("/state/", responses=problems(400, 401, 404, 429, 503), operation_id="getState")
    async def state(
        self,
        store: NamedDependency[EventStore],
        clock: NamedDependency[Clock],
        session_id: SessionId,
        version: Annotated[int | None, QueryParameter(ge=1, description="As it was at this version")] = None,
        at: Annotated[
            str | None,
            QueryParameter(
                description="As it was at this moment, such as 2026-01-02T03:04:05Z",
                schema_extra={"format": "date-time"},
            ),
        ] = None,
    ) -> SessionState:
        """The session as it was at a version or at a moment, or else as it is: what it knew, and what a
        client had on the screen."""
        if version is not None and at is not None:
            raise InvalidRequest("give version or at, not both")
        now = clock.now()
        moment = now if at is None else min(_moment(at), now)  # of what is to come, nothing is known

        def make(history: Sequence[Recorded]) -> SessionState:
            if version is not None:
                return state(history, _within(history, version), history[version - 1].at)
            return state(history, len(history) if at is None else _version_at(history, moment), moment)

        return await store.made_of(session_id, make)

    @get(
        "/replay/",
        responses=problems(400, 401, 404, 410, 429, 503),
        media_type="text/event-stream",
        operation_id="replaySession",
        middleware=[Lasting],
    )
    async def replay(
        self,
        request: Request[Any, Any, Any],
        store: NamedDependency[EventStore],
        session_id: SessionId,
        speed: Annotated[
            str,
            QueryParameter(
                description="1 for the original rhythm, a factor such as 0.5 or 10, or `max` for at once",
                schema_extra={"pattern": f"^({SPEED_PATTERN})$"},
            ),
        ] = "1",
        after: After = None,
        last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> Stream:
        """The frames that visitors were sent, with those of `verbatim.v1`, as SSE: `event` is a frame's type,
        `id` its cursor, and its `metadata.replay` is true. A session that goes on is followed to its end."""
        replay = await Replay.begin(store, session_id, last_event_id or after, speed)
        return event_stream(request, replay.frames())

    @get(
        "/export/",
        responses=problems(400, 401, 404, 429, 503)
        | {200: ResponseSpec(Transcript, description="The session, in the format that was asked for")},
        operation_id="exportSession",
        operation_class=also_as(
            *(export.media_type for name, export in EXPORTS.items() if name != "json"), ZIP_MEDIA_TYPE
        ),
    )
    async def export(
        self,
        store: NamedDependency[EventStore],
        auditor: NamedDependency[Auditor],
        session_id: SessionId,
        format: Annotated[str, QueryParameter(schema_extra={"enum": [*FORMATS]})] = "json",
        with_key: WithKey = False,
    ) -> Response[Any]:
        """The session, to take away: its events as JSON lines; as a zip with which anybody can verify it, for
        `verify.py` in it needs nothing but Python; its transcript in every other format."""
        if format not in FORMATS:
            raise InvalidRequest(f"format must be one of {', '.join(FORMATS)}, not {format[:40]!r}")
        if with_key and format != ZIP:
            raise InvalidRequest(f"with_key is for format={ZIP}, not {format}")
        if format == ZIP:
            made = await zipped(store, auditor, session_id, with_key=with_key)
            return _attached(made, ZIP_MEDIA_TYPE, session_id, ZIP)
        export = EXPORTS[format]
        written = await store.made_of(session_id, export.write)
        return _attached(written, export.media_type, session_id, export.extension)


def _attached(content: bytes, media_type: str, session_id: UUID, extension: str) -> Response[Any]:
    named = {"Content-Disposition": f'attachment; filename="session-{session_id}.{extension}"'}
    return Response(content, media_type=media_type, headers=named)


def _within(history: Sequence[Recorded], version: int) -> int:
    if version > len(history):
        raise InvalidRequest(f"version must be from 1 to {len(history)}, not {version}")
    return version


def _version_at(history: Sequence[Recorded], moment: datetime) -> int:
    if version := version_at(history, moment):
        return version
    # With a Z: in an address, a plus would have to be written as a code.
    start = history[0].at.isoformat().replace("+00:00", "Z")
    raise InvalidRequest(f"at must not be before the session's start, {start}")


def _moment(text: str) -> datetime:
    try:
        return msgspec.convert(text, Annotated[datetime, Meta(tz=True)])
    except msgspec.ValidationError:
        raise InvalidRequest(
            f"at must be a moment with its time zone, such as 2026-01-02T03:04:05Z, not {text[:40]!r}"
        ) from None
