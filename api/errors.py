"""The one table from domain errors to the transports: HTTP status, close code, error type."""

import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from litestar import Request, Response
from litestar.exceptions import ClientException, HTTPException, SerializationException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from api.auth import NotAnOperator
from api.cross_origin import READABLE_BY_ALL
from api.frames import ErrorType, refusal
from api.limits import TooManySessions
from api.origins import OriginNotAllowed
from domain.errors import (
    ChatError,
    InvalidRequest,
    MessageConflict,
    RateLimited,
    ReplyBrokeOff,
    ReplyNotFound,
    ReplyTooSlow,
    SessionErased,
    SessionExpired,
    SessionFull,
    SessionNotActive,
    SessionNotFound,
    Unavailable,
    VisitorMismatch,
    VisitorNotFound,
    sayable,
)

logger = logging.getLogger(__name__)


class Told(NamedTuple):
    """How a failure is told. A socket that can't go on is closed with `4000 + status`."""

    status: int
    error_type: ErrorType

    @property
    def close_code(self) -> int:
        if self.status == 500:
            return 1011
        return 4000 + self.status if self.status < 500 else 1013


class Mistake(ChatError):
    """A fault of ours, as it is told outside."""

    code = "internal_error"
    text = "The service has made a mistake"


TABLE: dict[type[ChatError], Told] = {
    SessionNotFound: Told(404, "processing_error"),
    SessionNotActive: Told(410, "processing_error"),
    SessionExpired: Told(410, "processing_error"),
    SessionFull: Told(409, "processing_error"),
    VisitorMismatch: Told(403, "processing_error"),
    SessionErased: Told(410, "processing_error"),
    VisitorNotFound: Told(404, "processing_error"),
    MessageConflict: Told(409, "processing_error"),
    ReplyNotFound: Told(404, "processing_error"),
    RateLimited: Told(429, "processing_error"),
    ReplyBrokeOff: Told(502, "processing_error"),
    ReplyTooSlow: Told(504, "processing_error"),
    Unavailable: Told(503, "processing_error"),
    InvalidRequest: Told(400, "validation_error"),
    NotAnOperator: Told(401, "processing_error"),
    OriginNotAllowed: Told(403, "processing_error"),
    TooManySessions: Told(429, "processing_error"),
    Mistake: Told(500, "processing_error"),
}


def told(error: ChatError) -> Told:
    """How this failure is told: by its own row, or that of its nearest ancestor."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


class Problem(Struct, frozen=True, kw_only=True):
    """RFC 9457 problem details. `code` is the same as in error frames, and stable."""

    type: str = "about:blank"
    status: int
    title: str
    detail: str
    code: str


def safe(error: Exception, where: str, session_id: object = None) -> ChatError:
    """The error that can be told: this one or, for a fault of ours, which is logged, a Mistake.

    The log gets what may be said of it, and its place.
    """
    if isinstance(error, ChatError):
        return error
    place = traceback.extract_tb(error.__traceback__)[-1]
    told = {"session_id": session_id}
    logger.error("%s: %s at %s:%s", where, sayable(error), place.filename, place.lineno, extra=told)
    return Mistake()


# --- for Litestar

RETRY_SECONDS = 60
"""After a minute, all that is counted by the minute is counted anew."""

HEADERS: Mapping[type[ChatError], dict[str, str]] = {
    RateLimited: {"Retry-After": str(RETRY_SECONDS)},
    OriginNotAllowed: READABLE_BY_ALL,  # else its page would take it for a connection that is lost
}
"""What some failures say besides."""

CODES = {
    400: "invalid_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}
"""Of what Litestar refuses by itself."""


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body, if it has one, is JSON: anything else is the sender's mistake."""

    async def json(self) -> Any:
        try:
            return await super().json()
        except (SerializationException, UnicodeError, RecursionError):
            raise ClientException("the body must be one JSON object, in well-formed Unicode") from None


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """What OpenAPI says of these statuses."""
    return {
        status: ResponseSpec(Problem, description="Problem details", media_type="application/problem+json")
        for status in statuses
    }


def problem_response(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None
) -> Response[Problem]:
    """A failure as problem details."""
    problem = Problem(status=status, title=HTTPStatus(status).phrase, detail=detail, code=code)
    return Response(problem, status_code=status, media_type="application/problem+json", headers=headers)


def on_chat_error(_: Request[Any, Any, Any], error: ChatError) -> Response[Problem]:
    headers = next((more for kind, more in HEADERS.items() if isinstance(error, kind)), None)
    return problem_response(told(error).status, error.code, str(error), headers)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """What Litestar refuses by itself: unknown paths, wrong methods, parameters and bodies out of shape."""
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        return on_chat_error(request, _refusal(error.extra[0]))
    if error.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return problem_response(error.status_code, RateLimited.code, RateLimited.text, error.headers)
    code = CODES.get(error.status_code, f"http_{error.status_code}")
    return problem_response(error.status_code, code, error.detail, error.headers)


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A fault of ours."""
    session_id = request.scope.get("path_params", {}).get("session_id")
    # Not its path: a visitor_id may stand there.
    route = request.scope.get("path_template", "a request")
    return on_chat_error(request, safe(error, f"{request.method} {route}", session_id))


def _refusal(found: Mapping[str, str]) -> InvalidRequest:
    """For the first thing that Litestar finds wrong with a request's parameters or, as `data`, its body."""
    what, field = found.get("message", "is not valid"), found.get("key", "data")
    if field == "data":
        return refusal("a body is missing" if what == "'data'" else what)
    return refusal(what, field)
