"""REST and SSE for visitors: sessions, messages, the stream, the transcript."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, HttpMethod, Request, Response, delete, get, post, route
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import FromQuery, HeaderParameter, JSONBody, Parameter, PathParameter, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from api.docs import OptionalBody, also_as
from api.errors import problems
from api.event_pages import After, EventsPage, Limit, read_page
from api.frames import (
    ClientMessageId,
    Complete,
    Connected,
    Cursor,
    Error,
    MessageText,
    Sent,
    SessionEnd,
    frames_of,
    is_extra,
)
from api.joining import join
from api.lasting import Lasting, take_place
from api.limits import SessionStarts
from api.origins import from_allowed_origin
from api.server_sent import event_stream
from domain.conversations import Conversations
from domain.errors import ReplyBrokeOff, ReplyTooSlow, SessionErased, SessionExpired, SessionNotActive
from domain.ports import Clock, Recorded
from domain.session import ChatSession
from projections.renderings import RENDERINGS
from projections.transcript import Transcript, transcript

REPLY_SECONDS = 180.0
"""How long a request that wants its reply whole is kept waiting."""

METADATA_LIMITS = {
    "max_properties": 32,
    "property_names": Schema(max_length=64),
    "additional_properties": Schema(type=OpenAPIType.STRING, max_length=1000),
}
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=1000)]],
    Meta(max_length=32),
    Parameter(schema_extra=METADATA_LIMITS),  # Litestar finds no limits inside of a dict
]
SessionId = Annotated[UUID, PathParameter(description="The session, as `POST /api/chats/sessions/` named it")]
VisitorId = Annotated[
    UUID, HeaderParameter(name="X-Visitor-Id", description="The visitor whose session it is: a credential")
]
LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID")]


class NewSession(Struct, frozen=True):
    """`metadata` is the website's own, up to 32 texts, and kept sealed like everything personal."""

    visitor_id: UUID | None = None
    metadata: Metadata = {}


class SessionView(Struct, frozen=True, kw_only=True):
    """A session as its visitor sees it. `cursor` is its latest place, `ws_url` where to chat."""

    session_id: UUID
    visitor_id: UUID
    status: Literal["active", "completed", "idle_timeout", "expired", "deleted"]
    created_at: datetime
    expires_at: datetime
    conversation_data: Mapping[str, str]
    cursor: str
    ws_url: str


class NewMessage(Struct, frozen=True):
    """`client_message_id` makes it safe to send the same message again."""

    message: MessageText
    client_message_id: ClientMessageId | None = None


class Sessions(Controller):
    """Everything under `/api/chats/sessions`."""

    path = "/api/chats/sessions"
    tags = ("Chat",)
    guards = (from_allowed_origin,)

    @post(
        "/",
        responses=problems(400, 403, 413, 429, 503),
        operation_id="startSession",
        operation_class=OptionalBody,
        middleware=[SessionStarts],
    )
    async def start(
        self,
        request: Request[Any, Any, Any],
        conversations: NamedDependency[Conversations],
        clock: NamedDependency[Clock],
        data: JSONBody[NewSession | None] = None,
    ) -> SessionView:
        """Start a session, for a new visitor unless one is named."""
        wanted = data or NewSession()
        session = await conversations.start(wanted.visitor_id, wanted.metadata)
        return _view(session, request, clock)

    @get("/{session_id:uuid}/", responses=problems(400, 403, 404, 410, 503), operation_id="getSession")
    async def show(
        self,
        request: Request[Any, Any, Any],
        conversations: NamedDependency[Conversations],
        clock: NamedDependency[Clock],
        session_id: SessionId,
        visitor_id: VisitorId,
    ) -> SessionView:
        """The session as it is now."""
        return _view(await conversations.enter(session_id, visitor_id), request, clock)

    @delete("/{session_id:uuid}/", responses=problems(400, 403, 404, 410, 503), operation_id="endSession")
    async def end(
        self, conversations: NamedDependency[Conversations], session_id: SessionId, visitor_id: VisitorId
    ) -> None:
        """End the session: a reply in progress is stopped, and nothing more can be said."""
        await conversations.delete(session_id, visitor_id)

    @route("/{session_id:uuid}/", http_method=HttpMethod.OPTIONS, status_code=204, include_in_schema=False)
    async def allow(self) -> Response[None]:
        """Litestar's own answer would know one of these methods alone."""
        return Response(None, headers={"Allow": "DELETE, GET, OPTIONS"})

    @post(
        "/{session_id:uuid}/messages/",
        status_code=200,
        responses=problems(400, 403, 404, 409, 410, 413, 429, 502, 503, 504)
        | {
            200: ResponseSpec(
                Complete, description="The reply, whole; or, where `Accept` asks for it, as SSE"
            )
        },
        operation_id="postMessage",
        operation_class=also_as("text/event-stream"),
        middleware=[Lasting],
    )
    async def say(
        self,
        request: Request[Any, Any, Any],
        conversations: NamedDependency[Conversations],
        session_id: SessionId,
        visitor_id: VisitorId,
        data: JSONBody[NewMessage],
    ) -> Response[Any]:
        """Post a message. With `Accept: text/event-stream` its reply is streamed, else it comes whole. Where
        the session ends before its turn, it gets none: a stream ends with `session_end`, else that is a 410.
        """
        take_place(request, session_id)
        accepted = await conversations.post(session_id, visitor_id, data.message, data.client_message_id)
        frames = _until_answered(conversations.follow(session_id, accepted.version), accepted.message_id)
        if "text/event-stream" in request.headers.get("accept", ""):
            return event_stream(request, frames)
        return Response(await _whole_reply(frames, accepted.message_id, request))

    @get(
        "/{session_id:uuid}/stream/",
        responses=problems(400, 403, 404, 410, 429, 503),
        media_type="text/event-stream",
        operation_id="streamSession",
        middleware=[Lasting],
    )
    async def stream(
        self,
        request: Request[Any, Any, Any],
        conversations: NamedDependency[Conversations],
        session_id: SessionId,
        visitor_id: VisitorId,
        last_event_id: LastEventId = None,
        after: Annotated[
            str | None,
            QueryParameter(description="A cursor, where no header can be sent"),
        ] = None,
    ) -> Stream:
        """Follow the session as SSE, after `Last-Event-ID`: `event` is a frame's type, `id` its cursor."""
        take_place(request, session_id)
        greeting, cursor, _ = await join(conversations, session_id, visitor_id, last_event_id or after)
        history = conversations.follow(session_id, cursor.events_after)
        return event_stream(request, _all_frames(greeting, history, cursor))

    @get(
        "/{session_id:uuid}/events/",
        responses=problems(400, 403, 404, 410, 503),
        operation_id="listOwnEvents",
    )
    async def events(
        self,
        conversations: NamedDependency[Conversations],
        session_id: SessionId,
        visitor_id: VisitorId,
        after: After = None,
        limit: Limit = 100,
    ) -> EventsPage:
        """The session's events as recorded: what the transcript, and everything else, is made from."""
        session = await conversations.enter(session_id, visitor_id)
        return await read_page(conversations.read, session, after, limit)

    @post(
        "/{session_id:uuid}/stop/",
        status_code=204,
        responses=problems(400, 403, 404, 410, 503),
        operation_id="stopReply",
    )
    async def stop(
        self, conversations: NamedDependency[Conversations], session_id: SessionId, visitor_id: VisitorId
    ) -> None:
        """Stop the reply in progress, if there is one."""
        await conversations.stop(session_id, visitor_id)

    @get(
        "/{session_id:uuid}/transcript/",
        responses=problems(400, 403, 404, 410, 503)
        | {200: ResponseSpec(Transcript, description="The transcript, in the format that was asked for")},
        operation_id="getTranscript",
        operation_class=also_as(*(media_type for media_type, _ in RENDERINGS.values())),
    )
    async def read(
        self,
        conversations: NamedDependency[Conversations],
        session_id: SessionId,
        visitor_id: VisitorId,
        format: FromQuery[Literal["json", "markdown", "html", "text"]] = "json",
    ) -> Response[Any]:
        """All that was said, up to this moment."""
        await conversations.enter(session_id, visitor_id)
        if format == "json":
            return Response(await conversations.made_of(session_id, transcript))
        media_type, render = RENDERINGS[format]
        said = await conversations.made_of(session_id, lambda history: render(transcript(history)))
        return Response(said, media_type=media_type)


def _view(session: ChatSession, request: Request[Any, Any, Any], clock: Clock) -> SessionView:
    expired = session.ended is None and clock.now() >= session.expires_at
    scheme = "wss" if request.url.scheme == "https" else "ws"
    return SessionView(
        session_id=session.session_id,
        visitor_id=session.visitor_id,
        status="expired" if expired else session.ended or "active",
        created_at=session.started_at,
        expires_at=session.expires_at,
        conversation_data=session.details,
        cursor=str(Cursor(session.version)),
        ws_url=f"{scheme}://{request.url.netloc}/ws/chat/",
    )


# --- replies, whole or as they come


def _answers(frame: Sent, message_id: UUID) -> bool:
    return isinstance(frame, Complete | Error) and frame.message_id == message_id and not _goes_on(frame)


def _goes_on(frame: Complete | Error) -> bool:
    return isinstance(frame, Error) and frame.metadata.code == "reply_interrupted"


async def _until_answered(
    history: AsyncGenerator[Sequence[Recorded], None], message_id: UUID
) -> AsyncGenerator[Sequence[Sent], None]:
    """The frames up to the end of the reply to one message, or of the session."""
    async with aclosing(history):
        async for news in history:
            frames = _frames(news)
            for count, frame in enumerate(frames, 1):
                if _answers(frame, message_id):
                    yield frames[:count]
                    return
            yield frames
            if news[-1].session.ended:
                return


async def _whole_reply(
    batches: AsyncGenerator[Sequence[Sent], None],
    message_id: UUID,
    request: Request[Any, Any, Any],
) -> Complete:
    """The reply, if it ends while somebody waits for it. Raises ReplyTooSlow, and what `_reply` raises."""
    reply = asyncio.create_task(_reply(batches, message_id))
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait([reply, gone], timeout=REPLY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            raise ReplyTooSlow
        return reply.result()
    finally:
        reply.cancel()
        gone.cancel()


async def _reply(batches: AsyncGenerator[Sequence[Sent], None], message_id: UUID) -> Complete:
    """The end of the reply to a message.

    Raises ReplyBrokeOff; SessionNotActive or SessionExpired where the session ended first, ReplyTooSlow where
    this process did.
    """
    async with aclosing(batches):
        async for frames in batches:
            last = frames[-1] if frames else None
            if isinstance(last, SessionEnd):
                raise SessionExpired if last.metadata.reason == "expired" else SessionNotActive
            if last and _answers(last, message_id):
                if isinstance(last, Complete):
                    return last
                raise ReplyBrokeOff
    raise ReplyTooSlow


async def _disconnected(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _all_frames(
    greeting: Connected, history: AsyncGenerator[Sequence[Recorded], None], after: Cursor
) -> AsyncGenerator[Sequence[Sent], None]:
    async with aclosing(history):
        yield [greeting]
        async for news in history:
            yield _frames(news, after)
            if news[-1].session.erased_at:
                raise SessionErased


def _frames(news: Sequence[Recorded], after: Cursor | None = None) -> Sequence[Sent]:
    return [
        frame for recorded in news if not is_extra(recorded.event) for frame in frames_of(recorded, after)
    ]
