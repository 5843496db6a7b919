"""One family of failures. The texts that the protocol fixes stand here and nowhere else.

    ChatError
    ├── InvalidRequest            what was sent can't be read as a request
    │   ├── MessageRequired         "message is required"
    │   └── MessageTooLong
    ├── SessionError              the session doesn't allow it
    │   ├── SessionNotFound         "Session not found"
    │   ├── SessionNotActive        "Session is not active"
    │   ├── SessionExpired          "Session has expired"
    │   ├── VisitorMismatch         "Visitor ID does not match"
    │   ├── SessionFull             it has had as many messages as are accepted
    │   └── SessionErased           its visitor has asked to be forgotten
    ├── MessageConflict           the same client_message_id with another text
    ├── VisitorNotFound           no session was ever started for this visitor
    ├── ReplyNotFound             the session has no such reply, or it is still being spoken
    ├── RateLimited               more of something than is allowed
    ├── ReplyBrokeOff             the message is on the record, its reply has failed
    ├── ReplyTooSlow              ... its reply is still being spoken
    └── Unavailable               the log can't be reached
        └── Restarting              this process is about to stop

    Conflict                      another writer was first: load again and decide again
    KeyDestroyed                  this visitor has been forgotten, and can't be given a key again
    ReplyClosed                   the reply was ended by somebody else: stop speaking
    CorruptLog                    what is stored can't be what was recorded
    Impossible                    an event can't follow what has happened before it

`api/errors.py` is the one table that turns these into frames, close codes and problem details.
"""


class ChatError(Exception):
    """A failure that is told to whoever asked. `str()` of it is safe to show."""

    code = "error"
    text = "Something went wrong"

    def __init__(self, text: str | None = None) -> None:
        super().__init__(text or self.text)


class InvalidRequest(ChatError):
    code = "invalid_request"
    text = "The request is not valid"


class MessageRequired(InvalidRequest):
    code = "message_required"
    text = "message is required"


class MessageTooLong(InvalidRequest):
    code = "message_too_long"

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"message is too long: {length} characters, at most {limit} are accepted")


class SessionError(ChatError):
    pass


class SessionNotFound(SessionError):
    code = "session_not_found"
    text = "Session not found"


class SessionNotActive(SessionError):
    code = "session_not_active"
    text = "Session is not active"


class SessionExpired(SessionError):
    code = "session_expired"
    text = "Session has expired"


class SessionFull(SessionError):
    code = "session_full"

    def __init__(self, limit: int) -> None:
        super().__init__(f"Session is full: {limit} messages are accepted, create a new session")


class VisitorMismatch(SessionError):
    code = "visitor_mismatch"
    text = "Visitor ID does not match"


class SessionErased(SessionError):
    code = "session_erased"
    text = "This conversation has been erased"


class VisitorNotFound(ChatError):
    code = "visitor_not_found"
    text = "Visitor not found"


class MessageConflict(ChatError):
    code = "conflict"
    text = "client_message_id was already used for another message"


class ReplyNotFound(ChatError):
    code = "reply_not_found"
    text = "Reply not found"


class RateLimited(ChatError):
    code = "rate_limited"
    text = "Too many requests: try again in a moment"


class ReplyBrokeOff(ChatError):
    code = "reply_failed"
    text = "The reply could not be completed. Please try again."


class ReplyTooSlow(ChatError):
    code = "reply_timeout"
    text = "The reply takes longer than a request may: follow the session's stream"


class Unavailable(ChatError):
    code = "unavailable"
    text = "The service can't record messages right now: try again in a moment"


class Restarting(Unavailable):
    text = "The service is restarting: connect again and send the message again"


class Conflict(Exception):
    """The session has moved on since it was loaded."""


class KeyDestroyed(Exception):
    """The visitor's key was destroyed: nothing can be sealed for this visitor any more."""


class ReplyClosed(Exception):
    """The reply being recorded is no longer open."""


class CorruptLog(Exception):
    """A stored event can't be read as what was recorded: says which session and version."""


class Impossible(Exception):
    """No decision of ours has made this event where it stands: says why. What is stored may hold anything."""


def sayable(error: Exception) -> str:
    """What a log line may say of an error: its kind, for its text may hold what was said.

    CorruptLog speaks of the log alone.
    """
    return str(error) if isinstance(error, CorruptLog) else type(error).__qualname__
