"""Checkpoints in PostgreSQL: they cover the log once and in order, whoever records them, and are anchors."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eventsourcing.persistence import StoredEvent
from msgspec.structs import replace

from domain.errors import Unavailable
from domain.events import ReplyChunksRecorded, ReplyCompleted, ReplyStarted, VisitorMessagePosted
from domain.proof import Anchor, Finding, Progress
from infrastructure import codec
from infrastructure.anchors import AnchorError, read_anchor
from infrastructure.auditor import PostgresAuditor
from infrastructure.background import for_ever
from infrastructure.checkpoints import GENESIS, hash_of, leaf_of, signed, signed_text
from infrastructure.hints import Place, read_hints
from infrastructure.merkle import root_of
from infrastructure.notary import Notary
from infrastructure.signing import PURPOSE, SigningKey
from infrastructure.verification import PAGE_EVENTS
from tests.support.conversing import KEY, SKIP_POSITIONS, Proven, Time, chatter, forget, proven
from tests.support.postgres import execute
from tests.support.stores import MASTER_KEY
from tests.support.waiting import until

CHANCE = random.Random(17)


@pytest.fixture
async def log(new_conninfo: str) -> AsyncIterator[Proven]:
    async with proven(new_conninfo) as log:
        yield log


def counted(log: Proven) -> int:
    return execute(log.conninfo, "SELECT count(*) FROM checkpoints")[0][0]


# --- what is recorded


async def test_of_an_empty_log_there_is_nothing_to_sign(log: Proven) -> None:
    assert await log.notary().keep_up() is False
    assert counted(log) == 0
    assert log.verify().ok


async def test_checkpoints_cover_every_event_once_in_order_and_name_each_other(log: Proven) -> None:
    await chatter(log, CHANCE, sessions=6, steps=60)
    await log.sign(most_events=20)
    anchor = log.anchor(hints=True)

    rows = [
        (position, StoredEvent(*row))
        for position, *row in execute(
            log.conninfo,
            "SELECT notification_id, originator_id, originator_version, topic, state "
            "FROM stored_events ORDER BY notification_id",
        )
    ]
    before, after = GENESIS, 0
    for number, checkpoint in enumerate(anchor.checkpoints, 1):
        under = [(p, row) for p, row in rows if checkpoint.after < p <= checkpoint.up_to]
        assert checkpoint.number == number
        assert checkpoint.after == after
        assert checkpoint.before == before
        assert checkpoint.events == len(under)
        assert checkpoint.root == root_of([leaf_of(position, codec.digest(row)) for position, row in under])
        assert checkpoint.hints_hash == sha256(anchor.hints[number]).digest()
        assert read_hints(anchor.hints[number]).keys() == {
            Place(row.originator_id, row.originator_version)  # type: ignore[arg-type]
            for _, row in under
        }
        before, after = hash_of(checkpoint), checkpoint.up_to
    assert after == rows[-1][0]
    assert [checkpoint.events for checkpoint in anchor.checkpoints[:-1]] == [20] * (
        len(anchor.checkpoints) - 1
    )


async def test_what_is_signed_is_text_that_anybody_can_write_from_the_json(log: Proven) -> None:
    await log.talk.begin()
    await log.sign()
    (checkpoint,) = log.anchor().checkpoints
    fields = msgspec.json.decode(msgspec.json.encode(checkpoint))
    signature = checkpoint.signature
    del fields["signature"]

    text = "verbatim checkpoint v1\n" + "".join(f"{name}: {value}\n" for name, value in fields.items())

    assert signed_text(checkpoint) == text.encode()
    Ed25519PublicKey.from_public_bytes(KEY.public).verify(signature, text.encode())
    assert checkpoint.key_id == sha256(KEY.public).hexdigest()[:16]


async def test_a_log_that_has_not_grown_is_not_signed_again(log: Proven) -> None:
    session = await log.talk.begin()
    assert await log.notary().keep_up() is False
    assert await log.notary().keep_up() is False
    assert counted(log) == 1

    await log.talk.step(session)
    await log.notary().keep_up()

    assert counted(log) == 2


async def test_whoever_is_behind_is_told_that_there_may_be_more(log: Proven) -> None:
    await chatter(log, CHANCE, sessions=3, steps=10)

    assert await log.notary(most_events=5).keep_up() is True
    assert await log.notary(most_events=5000).keep_up() is False


async def test_processes_that_sign_at_the_same_time_sign_nothing_twice(log: Proven) -> None:
    await chatter(log, CHANCE, sessions=6, steps=60)

    async def sign() -> None:
        # Whoever comes too late goes away again: so each tries until all is signed.
        while not log.anchor().checkpoints or log.verify().uncovered:
            await log.notary(most_events=16).keep_up()

    await asyncio.gather(*(sign() for _ in range(4)))

    assert log.verify().ok
    numbers = [checkpoint.number for checkpoint in log.anchor().checkpoints]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_process_that_stands_still_in_the_middle_keeps_no_other_from_signing(log: Proven) -> None:
    await chatter(log, CHANCE, sessions=3, steps=20)

    async def sign_elsewhere() -> None:
        async with proven(log.conninfo) as elsewhere:
            await elsewhere.notary().keep_up()

    class Still(Time):
        """Asked for the time, in the middle of it, the process stands still until another has signed."""

        def now(self) -> datetime:
            with ThreadPoolExecutor(1) as other_process:
                other_process.submit(asyncio.run, sign_elsewhere()).result(20)
            return super().now()

    assert await Notary(log.database, KEY, Still()).keep_up() is False

    assert counted(log) == 1
    assert log.verify().ok


async def test_a_hole_in_the_positions_is_no_fault(log: Proven) -> None:
    session = await log.talk.begin()
    execute(log.conninfo, SKIP_POSITIONS)
    session = await log.talk.step(session)
    await log.sign()
    execute(log.conninfo, SKIP_POSITIONS)
    await log.talk.step(session)

    verdict = log.verify()

    assert verdict.ok
    assert verdict.uncovered >= 1


async def test_the_notary_keeps_up_by_itself_and_goes_on_when_the_database_was_away(log: Proven) -> None:
    failures = [Unavailable(), Unavailable()]

    class Shaky(Notary):
        async def keep_up(self) -> bool:
            if failures:
                raise failures.pop()
            return await super().keep_up()

    await log.talk.begin()
    async with for_ever("checkpoints", Shaky(log.database, KEY, Time(), seconds=0.01).run):
        await until(lambda: counted(log) == 1, "the first checkpoint")
        await log.talk.begin()
        await until(lambda: counted(log) == 2, "the second")

    assert not failures
    assert log.verify().ok


# --- what is verified


async def test_events_after_the_last_checkpoint_are_counted_and_no_fault(log: Proven) -> None:
    first = await log.talk.begin()
    await log.sign()
    later = await log.talk.begin()
    await log.talk.step(later)

    verdict, of_first = log.verify(), log.verify_session(first.session_id)
    of_later = log.verify_session(later.session_id)

    assert verdict.ok
    assert (verdict.events, verdict.sessions, verdict.checkpoint) == (4, 2, 1)
    assert verdict.uncovered == 3
    assert verdict.uncovered_since == later.started_at
    assert of_first is not None
    assert (of_first.ok, of_first.checkpoint, of_first.uncovered) == (True, 1, 0)
    assert of_later is not None
    assert (of_later.ok, of_later.checkpoint, of_later.uncovered) == (True, None, 3)


async def test_a_session_of_which_nothing_is_known_is_not_verified(log: Proven) -> None:
    await log.talk.begin()
    await log.sign()

    assert log.verify_session(uuid4()) is None


async def test_a_session_that_is_known_from_checkpoints_alone_was_removed(log: Proven) -> None:
    session = await log.talk.begin()
    await log.sign()
    execute(log.conninfo, "DELETE FROM stored_events")

    verdict = log.verify_session(session.session_id)

    assert verdict is not None
    assert [finding.message for finding in verdict.findings] == [
        f"session {session.session_id}, version 1: removed or moved: at positions 1 to 1 it was there when "
        "checkpoint 1 was signed"
    ]


async def test_hints_that_are_none_are_told_though_they_are_signed(log: Proven) -> None:
    """Whoever has the key can sign anything: it must not stop those who verify."""
    session = await log.talk.begin()
    await log.sign()
    (checkpoint,) = log.anchor().checkpoints
    garbage = b"garbage"
    forged = signed(replace(checkpoint, hints_hash=sha256(garbage).digest()), KEY)
    execute(
        log.conninfo,
        "UPDATE checkpoints SET hints = %s, hints_hash = %s, signature = %s",
        *(garbage, forged.hints_hash, forged.signature),
    )

    for verdict in (log.verify(), log.verify_session(session.session_id)):
        assert verdict is not None
        (finding,) = verdict.findings
        assert f"session {session.session_id}, version 1, on: its hints are none" in finding.message


@pytest.mark.parametrize("state", [b"[" * 200_000, b'{"at":1,"data":' + b"[" * 200_000, b"\xff", b"7", b""])
async def test_bytes_that_nobody_can_read_are_told_like_any_others(log: Proven, state: bytes) -> None:
    session = await log.talk.begin()
    await log.sign()
    execute(log.conninfo, "UPDATE stored_events SET state = %s", state)

    for verdict in (log.verify(), log.verify_session(session.session_id)):
        assert verdict is not None
        assert [finding.version for finding in verdict.findings] == [1, 1]
        assert "session_started.v1 can't be read" in verdict.findings[0].message + verdict.findings[1].message


async def test_a_session_whose_checkpoint_was_removed_is_told(log: Proven) -> None:
    session = await log.talk.begin()
    await log.sign()
    await log.talk.begin()
    await log.sign()
    execute(log.conninfo, "DELETE FROM checkpoints WHERE number = 1")

    verdict = log.verify_session(session.session_id)

    assert verdict is not None
    assert [finding.message for finding in verdict.findings] == [
        f"session {session.session_id}, version 1: no checkpoint covers it, while there are later ones: "
        "moved, or a checkpoint was removed"
    ]


async def test_a_visitor_who_is_erased_leaves_a_log_without_fault(log: Proven) -> None:
    sessions = await chatter(log, CHANCE, sessions=5, steps=40)
    await log.sign()
    await forget(log, sessions[3:])

    assert log.verify().ok
    await log.sign()
    assert log.verify().ok
    verdict = log.verify_session(sessions[4].session_id)
    assert verdict is not None
    assert verdict.ok


async def test_a_reply_s_hash_is_that_of_its_words(log: Proven) -> None:
    """Nobody but the service itself could record another one: it is sealed, chained and signed all the
    same."""
    session = await log.talk.begin()
    message, response = log.talk.new_id(), log.talk.new_id()
    said = [
        VisitorMessagePosted(message, "Hello"),
        ReplyStarted(response, message, "guide"),
        ReplyChunksRecorded((1,), ("Hello.",)),
        ReplyCompleted(response, sha256(b"Good bye.").hexdigest()),
    ]
    await log.store.append(session.session_id, 1, said, session.started_at)

    assert [finding.message for finding in log.verify().findings] == [
        f"session {session.session_id}, version 5: the hash of the reply isn't that of its words"
    ]


async def test_a_log_longer_than_a_page_is_verified_whole(log: Proven) -> None:
    await chatter(log, CHANCE, sessions=30, steps=700)
    await log.sign(most_events=333)

    verdict = await auditor(log).verify_log()

    assert verdict.ok
    assert verdict.events > PAGE_EVENTS


async def test_its_progress_is_that_of_all_checks_together_to_the_end(log: Proven) -> None:
    await chatter(log, CHANCE, sessions=30, steps=700)
    told: list[float] = []
    log_is_done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def progress(done: float) -> None:
        told.append(done)
        if done == 0.5:
            loop.call_soon_threadsafe(log_is_done.set)

    async def check(_: Collection[UUID] | None, progress: Progress) -> Sequence[Finding]:
        await log_is_done.wait()
        for done in (0.5, 1.0):
            progress(done)
        return ()

    await PostgresAuditor(log.conninfo, log.database, log.keyring, KEY, [check, check]).verify_log(
        progress=progress
    )

    assert len([done for done in told if 0 < done < 0.5]) > 0, "page by page"
    assert sorted({done for done in told if done > 0.5}) == [0.625, 0.75, 0.875, 1.0]


async def test_what_other_checks_find_is_told_too(log: Proven) -> None:
    session = await log.talk.begin()
    asked: list[Collection[UUID] | None] = []

    async def check(session_ids: Collection[UUID] | None, _: Progress) -> Sequence[Finding]:
        asked.append(session_ids)
        return [Finding("the projections don't agree")]

    checked = PostgresAuditor(log.conninfo, log.database, log.keyring, KEY, [check])
    verdict, of_session = await checked.verify_log(), await checked.verify(session.session_id)

    assert [finding.message for finding in verdict.findings] == ["the projections don't agree"]
    assert of_session is not None
    assert not of_session.ok
    assert asked == [None, [session.session_id]]


def auditor(log: Proven) -> PostgresAuditor:
    return PostgresAuditor(log.conninfo, log.database, log.keyring, KEY)


# --- the key


def test_the_key_is_derived_from_the_master_key_and_the_same_everywhere() -> None:
    seed = HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(MASTER_KEY)

    assert SigningKey.derived(MASTER_KEY).public == SigningKey(seed).public
    assert SigningKey.derived(b"o" * 32).public != SigningKey(seed).public


# --- anchors


async def test_an_anchor_survives_its_json(log: Proven) -> None:
    await chatter(log, CHANCE, sessions=3, steps=30)
    await log.sign(most_events=10)
    anchor = log.anchor(hints=True)

    assert read_anchor(msgspec.json.encode(anchor)) == anchor
    given = await auditor(log).checkpoints(0, 1000, hints=True)
    assert given == anchor
    assert await auditor(log).checkpoints(2, 1) == Anchor(KEY.public, anchor.checkpoints[2:3])
    assert await auditor(log).latest_checkpoint() == Anchor(KEY.public, anchor.checkpoints[-1:])


async def test_what_is_no_anchor_is_refused_and_told_why(log: Proven) -> None:
    await chatter(log, CHANCE, sessions=3, steps=30)
    await log.sign(most_events=10)
    anchor = log.anchor()
    first, second, *_ = anchor.checkpoints

    def refusal(anchor: object) -> str:
        with pytest.raises(AnchorError) as refused:
            read_anchor(anchor if isinstance(anchor, bytes) else msgspec.json.encode(anchor))
        return str(refused.value)

    assert "isn't what `verbatim anchor` writes" in refusal(b"\xff")
    assert "isn't what `verbatim anchor` writes" in refusal({"public_key": "x"})
    assert "no checkpoint" in refusal(Anchor(KEY.public, []))
    changed = replace(first, up_to=first.up_to + 1)
    assert "signature of checkpoint 1 doesn't hold" in refusal(Anchor(KEY.public, [changed]))
    assert "signature of checkpoint 1 doesn't hold" in refusal(Anchor(bytes(32), [first]))
    assert "checkpoint 1 comes after 2" in refusal(Anchor(KEY.public, [second, first]))
