"""What is remembered of a session while the log is verified is what its next event needs, and no more."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.events import Event, ReplyCompleted, ReplyFailed, ReplyStopped, SessionStarted
from infrastructure.session_checks import SessionChecks
from tests.support.chain import chained
from tests.support.history import ASKED, RESPONSE, SESSION, START, VISITOR, words

CIPHER = AESGCM(bytes(32))
HASH_OF_HI = "3639efcd08abb273b1619e82e78c29a7df02c1051b1820e99fc395dcaa3326b8"


def checked(*events: Event) -> tuple[SessionChecks, list[str]]:
    """The checks after a session of these events, and what they have told."""
    findings: list[str] = []
    checks = SessionChecks(lambda finding: findings.append(finding.message))
    checks.keys = {VISITOR: CIPHER}
    for position, row in enumerate(chained(CIPHER, SessionStarted(VISITOR, START), *events), 1):
        checks.take(position, row)
    checks.finish()
    return checks, findings


@pytest.mark.parametrize(
    "end",
    [
        ReplyCompleted(RESPONSE, HASH_OF_HI),
        ReplyStopped(RESPONSE, "visitor"),
        ReplyFailed(RESPONSE, "interrupted"),
    ],
)
def test_the_words_of_a_reply_are_forgotten_with_its_end(end: Event) -> None:
    checks, findings = checked(*ASKED, words("Hi"), end)

    assert findings == []
    assert checks.heads[SESSION].words is None


def test_a_reply_whose_words_aren_t_those_that_it_was_completed_with_is_told_of() -> None:
    _, findings = checked(*ASKED, words("Ho"), ReplyCompleted(RESPONSE, HASH_OF_HI))

    assert findings == [f"session {SESSION}, version 5: the hash of the reply isn't that of its words"]
