"""Errors: one family, one table, the protocol's own texts, and codes that never change."""

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from litestar.exceptions import HTTPException, NotFoundException, ValidationException

from api import errors as transport
from api.auth import NotAnOperator
from api.errors import CODES, TABLE, Mistake, Problem, on_http_exception, safe, told
from api.limits import TooManySessions
from api.origins import OriginNotAllowed
from domain import errors
from domain.errors import ChatError, CorruptLog, MessageTooLong

CODES_OF_ERRORS = {
    "error": ChatError,
    "invalid_request": errors.InvalidRequest,
    "message_required": errors.MessageRequired,
    "message_too_long": errors.MessageTooLong,
    "session_not_found": errors.SessionNotFound,
    "session_full": errors.SessionFull,
    "session_not_active": errors.SessionNotActive,
    "session_expired": errors.SessionExpired,
    "visitor_mismatch": errors.VisitorMismatch,
    "session_erased": errors.SessionErased,
    "visitor_not_found": errors.VisitorNotFound,
    "conflict": errors.MessageConflict,
    "reply_not_found": errors.ReplyNotFound,
    "rate_limited": errors.RateLimited,
    "too_many_sessions": TooManySessions,
    "reply_failed": errors.ReplyBrokeOff,
    "reply_timeout": errors.ReplyTooSlow,
    "unavailable": errors.Unavailable,
    "unauthorized": NotAnOperator,
    "origin_not_allowed": OriginNotAllowed,
    "internal_error": Mistake,
}
"""Programs rely on these: add to them, never change one."""

ABSTRACT = {ChatError, errors.SessionError}
SAME_CODE = {errors.Restarting}
"""Told as what they are a kind of: to a program there is no difference."""


def family(kind: type[ChatError] = ChatError) -> Iterator[type[ChatError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


CONCRETE = sorted(set(family()) - ABSTRACT, key=lambda kind: kind.__name__)


def example(kind: type[ChatError]) -> ChatError:
    arguments: dict[type[ChatError], tuple[Any, ...]] = {
        MessageTooLong: (5000, 4000),
        errors.SessionFull: (1000,),
        OriginNotAllowed: ("https://stranger.example",),
        TooManySessions: (16,),
    }
    return kind(*arguments.get(kind, ()))


@pytest.mark.parametrize("kind", CONCRETE)
def test_every_error_is_in_the_one_table_or_below_one_that_is(kind: type[ChatError]) -> None:
    how = told(example(kind))

    assert 400 <= how.status < 600
    assert how.error_type in ("processing_error", "validation_error")


def test_the_table_holds_errors_that_are_raised_and_nothing_else() -> None:
    assert set(TABLE) <= set(CONCRETE)


def test_codes_are_stable_and_each_has_one_meaning() -> None:
    kinds = [kind for kind in CONCRETE if kind not in SAME_CODE]
    assert {kind.code: kind for kind in kinds} | {"error": ChatError} == CODES_OF_ERRORS
    assert len({kind.code for kind in kinds}) == len(kinds)


@pytest.mark.parametrize(
    ("kind", "text", "status"),
    [
        (errors.SessionNotFound, "Session not found", 404),
        (errors.SessionNotActive, "Session is not active", 410),
        (errors.SessionExpired, "Session has expired", 410),
        (errors.VisitorMismatch, "Visitor ID does not match", 403),
        (errors.MessageRequired, "message is required", 400),
    ],
)
def test_the_specification_has_the_say_over_its_texts(kind: type[ChatError], text: str, status: int) -> None:
    assert str(kind()) == text
    assert told(kind()).status == status


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (errors.SessionNotFound(), "session_not_found", "Session not found"),
        (errors.SessionNotActive(), "session_not_active", "Session is not active"),
        (errors.SessionExpired(), "session_expired", "Session has expired"),
        (errors.VisitorMismatch(), "visitor_mismatch", "Visitor ID does not match"),
        (errors.MessageRequired(), "message_required", "message is required"),
    ],
)
def test_errors_have_the_texts_and_codes_of_the_protocol(error: ChatError, code: str, text: str) -> None:
    assert (error.code, str(error)) == (code, text)


@pytest.mark.parametrize("kind", CONCRETE)
def test_every_error_says_something_to_people(kind: type[ChatError]) -> None:
    text = str(example(kind))

    assert len(text) > 10
    assert text == text.strip()


@pytest.mark.parametrize("kind", CONCRETE)
def test_close_codes_tell_a_client_whether_to_come_back(kind: type[ChatError]) -> None:
    how = told(example(kind))

    if how.status < 500:
        assert how.close_code == 4000 + how.status, "a client doesn't retry these"
    else:
        assert how.close_code == (1011 if how.status == 500 else 1013)


# --- what isn't ours


def problem_of(error: HTTPException) -> Problem:
    request: Any = SimpleNamespace()
    return on_http_exception(request, error).content


def test_what_litestar_refuses_has_codes_that_dont_depend_on_pythons_names() -> None:
    assert problem_of(NotFoundException()).code == "not_found"
    assert problem_of(HTTPException(status_code=413)).code == "too_large"
    assert problem_of(HTTPException(status_code=418)).code == "http_418"
    assert set(CODES) >= {400, 404, 405, 413}


@pytest.mark.parametrize(
    ("found", "code", "detail"),
    [
        (
            {"message": "Object missing required field `message`", "key": "data"},
            "message_required",
            "message is required",
        ),
        (
            {"message": "Expected `str`, got `null`", "key": "message"},
            "message_required",
            "message is required",
        ),
        ({"message": "'data'", "key": "data"}, "invalid_request", "a body is missing"),
        (
            {"message": "Invalid UUID", "key": "visitor_id"},
            "invalid_request",
            "visitor_id: Invalid UUID",
        ),
        ({}, "invalid_request", "is not valid"),
    ],
)
def test_what_litestar_finds_wrong_reads_as_our_own(found: dict[str, str], code: str, detail: str) -> None:
    problem = problem_of(ValidationException(extra=[found]))

    assert (problem.status, problem.code, problem.detail) == (400, code, detail)


def test_a_fault_of_ours_is_logged_by_kind_and_place_and_told_as_a_mistake(
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = "what the visitor said"
    try:
        raise ValueError(secret)
    except ValueError as error:
        failure = safe(error, "GET /somewhere")

    assert (failure.code, str(failure)) == ("internal_error", "The service has made a mistake")
    (record,) = caplog.records
    assert (record.name, record.levelno) == (transport.__name__, logging.ERROR)
    assert record.getMessage().startswith("GET /somewhere: ValueError at ")
    assert "test_errors.py" in record.getMessage()
    assert secret not in caplog.text


def test_a_log_that_cant_be_read_may_say_where(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise CorruptLog("session 1: version 2 is missing")
    except CorruptLog as error:
        safe(error, "socket")

    assert "session 1: version 2 is missing" in caplog.text


def test_an_error_that_is_told_anyway_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = errors.SessionNotFound()

    assert safe(error, "socket") is error
    assert not caplog.records
