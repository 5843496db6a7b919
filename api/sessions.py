"""REST and SSE for visitors: sessions, messages, the stream, the transcript."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from litestar.response import Stream
from msgspec import Meta, Struct

from api.errors import problems, told
from api.frames import (
    ClientMessageId,
    Complete,
    Connected,
    ConnectedInfo,
    Cursor,
    Error,
    Sent,
    encode,
    error_frame,
    frames_of,
)
from api.wire import sse_event
from domain.conversations import Conversations
from domain.errors import ChatError, InvalidRequest, MessageRequired, ReplyBrokeOff, ReplyTooSlow
from domain.ports import Clock, Recorded
from domain.session import ChatSession
from projections.renderings import RENDERINGS
from projections.transcript import Transcript, transcript

KEEP_ALIVE_SECONDS = 15.0
"""A comment goes out when a stream has been silent for so long, so that proxies keep it open."""

REPLY_SECONDS = 180.0
"""How long a request that wants its reply whole is kept waiting."""

SHORT = Annotated[str, Meta(max_length=1000)]
SessionId = Annotated[UUID, Parameter(description="The session, as `POST /api/chats/sessions/` named it")]
VisitorId = Annotated[
    UUID, Parameter(header="X-Visitor-Id", description="The visitor whose session it is: a credential")
]


class NewSession(Struct, frozen=True):
    """`metadata` is the website's own, up to 32 texts, and kept sealed like everything personal."""

    visitor_id: UUID | None = None
    metadata: Annotated[dict[Annotated[str, Meta(max_length=64)], SHORT], Meta(max_length=32)] = {}


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

    message: str | None = None
    client_message_id: ClientMessageId | None = None


class Sessions(Controller):
    """Everything under `/api/chats/sessions`."""

    path = "/api/chats/sessions"
    tags = ["Chat"]

    @post("/", responses=problems(400, 413, 503), operation_id="startSession")
    async def start(
        self,
        request: Request[Any, Any, Any],
        conversations: Conversations,
        clock: Clock,
        data: NewSession | None = None,
    ) -> SessionView:
        """Start a session, for a new visitor unless one is named."""
        wanted = data or NewSession()
        session = await conversations.start(wanted.visitor_id, wanted.metadata)
        return _view(session, request, clock)

    @get("/{session_id:uuid}/", responses=problems(400, 403, 404, 503), operation_id="getSession")
    async def show(
        self,
        request: Request[Any, Any, Any],
        conversations: Conversations,
        clock: Clock,
        session_id: SessionId,
        visitor_id: VisitorId,
    ) -> SessionView:
        """The session as it is now."""
        return _view(await conversations.enter(session_id, visitor_id), request, clock)

    @delete("/{session_id:uuid}/", responses=problems(400, 403, 404, 503), operation_id="endSession")
    async def end(self, conversations: Conversations, session_id: SessionId, visitor_id: VisitorId) -> None:
        """End the session: a reply in progress is stopped, and nothing more can be said."""
        await conversations.delete(session_id, visitor_id)

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
    )
    async def say(
        self,
        request: Request[Any, Any, Any],
        conversations: Conversations,
        session_id: SessionId,
        visitor_id: VisitorId,
        data: NewMessage,
    ) -> Response[Any]:
        """Post a message. With `Accept: text/event-stream` its reply is streamed, else it comes whole."""
        if data.message is None:
            raise MessageRequired
        accepted = await conversations.post(session_id, visitor_id, data.message, data.client_message_id)
        history = conversations.follow(session_id, accepted.version)
        if "text/event-stream" in request.headers.get("accept", ""):
            return _event_stream(_until_answered(history, accepted.message_id))
        return Response(await _whole_reply(history, accepted.message_id))

    @get(
        "/{session_id:uuid}/stream/",
        responses=problems(400, 403, 404, 503),
        media_type="text/event-stream",
        operation_id="streamSession",
    )
    async def stream(
        self,
        conversations: Conversations,
        session_id: SessionId,
        visitor_id: VisitorId,
        last_event_id: Annotated[str | None, Parameter(header="Last-Event-ID")] = None,
        after: Annotated[
            str | None, Parameter(query="after", description="A cursor, where no header can be sent")
        ] = None,
    ) -> Stream:
        """Follow the session as SSE: `event` is the frame's type, `id` its cursor; resumes after `Last-Event-ID`."""
        session = await conversations.enter(session_id, visitor_id)
        place = last_event_id or after
        cursor = Cursor.parse(place).within(session) if place else Cursor.present(session)
        connected = Connected(
            done=False,
            complete=session.ended is not None,
            session_id=session_id,
            conversation_data=session.details,
            metadata=ConnectedInfo("connected", str(cursor)),
        )
        return _event_stream(
            _all_frames(connected, conversations.follow(session_id, cursor.events_after), cursor)
        )

    @post(
        "/{session_id:uuid}/stop/",
        status_code=204,
        responses=problems(400, 403, 404, 503),
        operation_id="stopReply",
    )
    async def stop(self, conversations: Conversations, session_id: SessionId, visitor_id: VisitorId) -> None:
        """Stop the reply in progress, if there is one."""
        await conversations.stop(session_id, visitor_id)

    @get(
        "/{session_id:uuid}/transcript/",
        responses=problems(400, 403, 404, 503)
        | {200: ResponseSpec(Transcript, description="The transcript, in the format that was asked for")},
        operation_id="getTranscript",
    )
    async def read(
        self,
        conversations: Conversations,
        session_id: SessionId,
        visitor_id: VisitorId,
        as_format: Annotated[Literal["json", "markdown", "html", "text"], Parameter(query="format")] = "json",
    ) -> Response[Any]:
        """All that was said, up to this moment."""
        await conversations.enter(session_id, visitor_id)
        said = transcript(await conversations.read(session_id))
        if as_format == "json":
            return Response(said)
        media_type, render = RENDERINGS[as_format]
        return Response(render(said), media_type=f"{media_type}; charset=utf-8")


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
    history: AsyncIterator[Sequence[Recorded]], message_id: UUID
) -> AsyncIterator[Sequence[Sent]]:
    """The frames up to the end of the reply to one message, or of the session."""
    async for news in history:
        frames = [frame for recorded in news for frame in frames_of(recorded)]
        for count, frame in enumerate(frames, 1):
            if _answers(frame, message_id):
                yield frames[:count]
                return
        yield frames
        if news[-1].session.ended:
            return


async def _whole_reply(history: AsyncIterator[Sequence[Recorded]], message_id: UUID) -> Complete:
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            async for frames in _until_answered(history, message_id):
                if frames and _answers(frames[-1], message_id) and isinstance(frames[-1], Complete):
                    return frames[-1]
    except TimeoutError:
        raise ReplyTooSlow from None
    raise ReplyBrokeOff


async def _all_frames(
    connected: Connected, history: AsyncIterator[Sequence[Recorded]], after: Cursor
) -> AsyncIterator[Sequence[Sent]]:
    yield [connected]
    async for news in history:
        yield [frame for recorded in news for frame in frames_of(recorded, after)]


def _event_stream(batches: AsyncIterator[Sequence[Sent]]) -> Stream:
    return Stream(
        _server_sent(batches),
        status_code=200,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _server_sent(batches: AsyncIterator[Sequence[Sent]]) -> AsyncGenerator[bytes, None]:
    waiting: asyncio.Future[Sequence[Sent]] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(batches))
            done, _ = await asyncio.wait([waiting], timeout=KEEP_ALIVE_SECONDS)
            if not done:
                yield b": keep-alive\n\n"
                continue
            frames, waiting = waiting.result(), None
            if frames:
                yield b"".join(sse_event(frame, encode(frame)) for frame in frames)
    except StopAsyncIteration:
        return
    except ChatError as error:
        frame = error_frame(error, told(error).error_type)
        yield sse_event(frame, encode(frame))
    finally:
        if waiting is not None:
            waiting.cancel()
