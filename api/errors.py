"""The one table from domain errors to the transports: HTTP status, close code, error type."""

import logging
import traceback
from http import HTTPStatus
from typing import Any, NamedTuple, cast

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from api.frames import ErrorType
from domain.errors import (
    ChatError,
    InvalidRequest,
    MessageConflict,
    ReplyBrokeOff,
    ReplyTooSlow,
    SessionExpired,
    SessionNotActive,
    SessionNotFound,
    TooManyWaiting,
    Unavailable,
    VisitorMismatch,
)

logger = logging.getLogger(__name__)


class Told(NamedTuple):
    """How a failure is told. A socket that can't go on is closed with `4000 + status`."""

    status: int
    error_type: ErrorType

    @property
    def close_code(self) -> int:
        return 4000 + self.status if self.status < 500 else 1013


TABLE: dict[type[ChatError], Told] = {
    SessionNotFound: Told(404, "processing_error"),
    SessionNotActive: Told(410, "processing_error"),
    SessionExpired: Told(410, "processing_error"),
    VisitorMismatch: Told(403, "processing_error"),
    MessageConflict: Told(409, "processing_error"),
    TooManyWaiting: Told(429, "processing_error"),
    ReplyBrokeOff: Told(502, "processing_error"),
    ReplyTooSlow: Told(504, "processing_error"),
    Unavailable: Told(503, "processing_error"),
    InvalidRequest: Told(400, "validation_error"),
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


# --- for Litestar


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
    return problem_response(told(error).status, error.code, str(error))


def on_http_exception(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """What Litestar refuses by itself: unknown paths and methods, parameters and bodies of the wrong shape."""
    detail = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        detail = "; ".join(_field_error(item) for item in error.extra) or detail
    code = "invalid_request" if error.status_code == 400 else HTTPStatus(error.status_code).name.lower()
    return problem_response(error.status_code, code, detail, error.headers)


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A fault of ours. Its text may hold what was said, so the log gets its kind and place alone."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    logger.error(
        "%s %s: %s at %s:%s",
        request.method,
        request.url.path,
        type(error).__qualname__,
        place.filename,
        place.lineno,
    )
    return problem_response(500, "internal_error", "The service has made a mistake")


def _field_error(item: object) -> str:
    if not isinstance(item, dict):
        return str(item)
    fields = cast("dict[str, Any]", item)
    return f"{fields.get('key', 'body')}: {fields.get('message', 'is not valid')}"
