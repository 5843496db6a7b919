"""What becomes of an answer that fails: a code, and whether asking again may help.

What the server said, its address and the key stay here: neither the log nor the chain of exceptions has them.
"""

from email.utils import parsedate_to_datetime

from openai import APIStatusError, OpenAIError

from domain.assistant import AssistantFailed


class Passing(AssistantFailed):
    """A failure that may pass: it's worth asking again, after so many seconds if the server said so."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def failure_of(error: OpenAIError) -> AssistantFailed:
    """What is told of an error of the library's: a Passing, where asking again may help."""
    if not isinstance(error, APIStatusError):
        return Passing("upstream_error")
    status, headers = error.status_code, error.response.headers
    reason = "upstream_rejected" if 400 <= status < 500 else "upstream_error"
    if status == 429:
        reason = "rate_limited"
    passes = status in (408, 409, 429) or status >= 500
    # An account without credit is told so with a 429 that no wait will cure.
    if not passes or error.code == "insufficient_quota" or headers.get("x-should-retry") == "false":
        return AssistantFailed(reason)
    return Passing(reason, _pause(headers.get("retry-after", ""), headers.get("date", "")))


def _pause(retry_after: str, date: str) -> float | None:
    """The seconds that a Retry-After asks for. A point in time counts by the server's own clock."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - parsedate_to_datetime(date)).total_seconds()
        except (TypeError, ValueError):
            return None
    return seconds if seconds >= 0 else None
