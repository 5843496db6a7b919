"""Whatever is done to a log, `verify` finds it, and names the session and the version."""

import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import pytest_asyncio

from domain.events import SessionEnded
from domain.proof import Anchor, Verdict
from infrastructure import codec
from infrastructure.signing import SigningKey
from infrastructure.verification import Verification
from tests.support import tampering
from tests.support.conversing import KEY, Proven, chatter, proven
from tests.support.tampering import IN_THE_CHECKPOINTS, IN_THE_KEYS, IN_THE_LOG, Tamperer, Tampering, Touched

EVERY = (*IN_THE_LOG, *IN_THE_KEYS, *IN_THE_CHECKPOINTS)
FORGER = SigningKey(b"f" * 32)
NAMED = re.compile(r"session ([0-9a-f-]{36}), versions? (-?\d+)(?: to (-?\d+))?")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def log(conninfo: str) -> AsyncIterator[Proven]:
    """A log of many sessions, some of them erased, all of it under checkpoints."""
    async with proven(conninfo) as log:
        await chatter(log, random.Random(11), sessions=24, steps=160, erased=4)
        await log.sign(most_events=32)
        yield log


@contextmanager
def tampered_with(log: Proven, chance: random.Random) -> Iterator[tuple[psycopg.Connection, Tamperer]]:
    """The log in somebody's hands; in the end nothing of it was true."""
    with psycopg.connect(log.conninfo) as connection, connection.transaction(force_rollback=True):
        yield connection, Tamperer(connection, chance)


def verify(
    log: Proven, connection: psycopg.Connection, anchor: Anchor | None = None, key: SigningKey = KEY
) -> Verdict:
    return Verification(connection, log.keyring, key.public, anchor).of_log()


def names(verdict: Verdict, touched: Touched) -> bool:
    """Whether a finding names one of these events."""
    for finding in verdict.findings:
        for session_id, first, last in NAMED.findall(finding.message):
            if any(
                str(session) == session_id and int(first) <= version <= int(last or first)
                for session, version in touched
            ):
                return True
    return False


def told(verdict: Verdict) -> str:
    return "\n".join(finding.message for finding in verdict.findings) or "nothing was found"


def test_an_event_at_the_lowest_position_there_can_be_is_found(log: Proven) -> None:
    """It follows the last one of its session, and nothing in it is sealed."""
    with tampered_with(log, random.Random(1)) as (connection, tamperer):
        last = tamperer.session()[-1]
        prev = codec.digest(last.stored)
        ended, at = SessionEnded("deleted"), codec.decode(last.stored, None)[1]
        version = last.version + 1
        tamperer.insert(codec.encode(last.session_id, version, ended, at, prev, 0, None), -(2**63))

        verdict = verify(log, connection)

    assert names(verdict, [(last.session_id, version)]), told(verdict)


def test_in_a_log_that_nobody_touched_there_is_nothing_to_find(log: Proven) -> None:
    verdict = log.verify(log.anchor(hints=True))

    assert told(verdict) == "nothing was found"
    assert verdict.uncovered == 0
    assert (verdict.sessions, verdict.checkpoints) == (24, verdict.checkpoint)
    assert verdict.events > 300


async def test_an_erasure_that_left_a_key_is_told_and_is_no_fault(new_conninfo: str) -> None:
    async with proven(new_conninfo) as log:
        session = await log.talk.begin()
        erased = await log.talk.erase(session)

        verdict = log.verify()

        assert told(verdict) == (
            f"session {session.session_id}, version {erased.version}: says that its visitor is erased, and "
            "their key is still there: the erasure broke off, or isn't over yet"
        )
        assert verdict.ok
        await log.keyring.destroy(session.visitor_id)
        assert told(log.verify()) == "nothing was found"


@pytest.mark.parametrize("tamper", EVERY, ids=lambda tamper: tamper.__name__)
def test_whoever_does_this_is_found_out(log: Proven, tamper: Tampering) -> None:
    for seed in range(3):
        with tampered_with(log, random.Random(seed)) as (connection, tamperer):
            touched = tamper(tamperer)
            verdict = verify(log, connection)
        assert names(verdict, touched), f"{tamper.__name__}, seed {seed}, of {touched}: {told(verdict)}"


@pytest.mark.dosed
@pytest.mark.timeout(600)
def test_a_thousand_tamperings_are_all_found_and_named(log: Proven, full_dose: bool) -> None:
    with psycopg.connect(log.conninfo) as connection:
        for seed in range(1000 if full_dose else 40):
            chance = random.Random(seed)
            tamper = chance.choice(EVERY)
            with connection.transaction(force_rollback=True):
                touched = tamper(Tamperer(connection, chance))
                verdict = verify(log, connection)
            assert names(verdict, touched), f"{tamper.__name__}, seed {seed}, of {touched}: {told(verdict)}"


@pytest.mark.dosed
def test_a_session_verified_alone_shows_what_was_done_to_its_events(log: Proven, full_dose: bool) -> None:
    for seed in range(200 if full_dose else 20):
        chance = random.Random(seed)
        tamper = chance.choice((*IN_THE_LOG, *IN_THE_KEYS))
        with tampered_with(log, chance) as (connection, tamperer):
            touched = tamper(tamperer)
            session_id = next(iter(touched))[0]
            verdict = Verification(connection, log.keyring, KEY.public).of_session(session_id)
        assert verdict is not None
        assert names(verdict, touched), f"{tamper.__name__}, seed {seed}, of {touched}: {told(verdict)}"


# --- whoever has the signing key, too, is convicted by an anchor


@pytest.mark.parametrize("tamper", IN_THE_LOG, ids=lambda tamper: tamper.__name__)
@pytest.mark.parametrize("key", [KEY, FORGER], ids=["the service's own key", "a new key"])
def test_a_log_that_was_changed_and_signed_anew_is_convicted_by_an_anchor(
    log: Proven, tamper: Tampering, key: SigningKey
) -> None:
    anchor = log.anchor(hints=True)
    with tampered_with(log, random.Random(5)) as (connection, tamperer):
        touched = tamper(tamperer)
        tampering.stamp_anew(tamperer, key, most_events=32)
        with_anchor = verify(log, connection, anchor, key)
        latest_alone = verify(log, connection, Anchor(anchor.public_key, anchor.checkpoints[-1:]), key)

    assert names(with_anchor, touched), told(with_anchor)
    assert not latest_alone.ok, "without hints an anchor convicts all the same"
    assert NAMED.search(told(latest_alone))
    assert f"checkpoint {anchor.checkpoints[-1].number}" in told(latest_alone)


def test_without_an_anchor_a_whole_log_signed_anew_with_the_right_key_looks_right(log: Proven) -> None:
    """That is what anchors are for."""
    with tampered_with(log, random.Random(5)) as (connection, tamperer):
        tampering.write_a_session_anew(tamperer)
        tampering.stamp_anew(tamperer, KEY, most_events=32)

        assert verify(log, connection).ok


@pytest.mark.parametrize("hints", [False, True])
def test_a_log_cut_off_with_its_checkpoints_is_convicted_by_an_anchor(log: Proven, hints: bool) -> None:
    anchor = log.anchor(last=1, hints=hints)
    with tampered_with(log, random.Random(5)) as (connection, tamperer):
        last = tamperer.checkpoints[-1]
        touched = tamperer.remove([row for row in tamperer.rows if row.position > last.after])
        tamperer.execute("DELETE FROM checkpoints WHERE number = %s", last.number)
        unanchored, verdict = verify(log, connection), verify(log, connection, anchor)

    assert unanchored.ok
    assert f"checkpoint {last.number}" in told(verdict)
    assert "was anchored, and is missing" in told(verdict)
    if hints:
        assert names(verdict, touched), told(verdict)


def test_a_signing_key_that_was_replaced_in_good_faith_is_vouched_for_by_an_anchor(log: Proven) -> None:
    """What the old key signed is believed because it was anchored while that was the key."""
    without, with_anchor = log.verify(key=FORGER), log.verify(log.anchor(last=1), FORGER)

    assert f"signed with the key '{KEY.id}', while this service's is {FORGER.id}" in told(without)
    assert with_anchor.ok, told(with_anchor)
