"""A bundle convinces whoever has it, and nothing but Python; and doesn't, where anything in it was
changed."""

import base64
import io
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from api.zips import zipped
from domain.errors import CorruptLog
from domain.session import ChatSession
from infrastructure import bundle_verifier
from infrastructure.auditor import PostgresAuditor
from projections.exports import in_zip
from tests.support.conversing import KEY, Proven, chatter, forget, proven
from tests.support.postgres import execute

PUBLIC_KEY = base64.b64encode(KEY.public).decode()
KEYLESS = "without visitor.key, the sealed bytes are proved; that they hold the words shown is not"
Change = Callable[[dict[str, Any]], object]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def log(conninfo: str) -> AsyncIterator[Proven]:
    async with proven(conninfo, seed=3) as log:
        await chatter(log, random.Random(3), sessions=6, steps=120, erased=1)
        await log.sign(most_events=50)
        yield log


@pytest.fixture
def session(log: Proven) -> ChatSession:
    """One in which replies were given."""
    return max(log.talk.sessions.values(), key=lambda session: session.replies)


async def bundled(log: Proven, session: ChatSession, *, with_key: bool = False) -> Mapping[str, bytes]:
    """The files of a session's bundle."""
    history = await log.store.read(session.session_id)
    auditor = PostgresAuditor(log.conninfo, log.database, log.keyring, KEY)
    made = await auditor.bundle(session.session_id, history[-1].version, in_zip(history), with_key=with_key)
    return unzipped(made)


def unzipped(made: bytes) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def unpacked(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The verifier as it is shipped, by a Python without any packages."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def changed(files: Mapping[str, bytes], name: str, change: Change, line: int = 0) -> Mapping[str, bytes]:
    """The files with one of them, or a line of it, changed by somebody."""
    if not name.endswith(".jsonl"):
        content = msgspec.json.decode(files[name])
        change(content)
        return {**files, name: msgspec.json.encode(content)}
    lines = files[name].splitlines()
    event = msgspec.json.decode(lines[line])
    change(event)
    lines[line] = msgspec.json.encode(event)
    return {**files, name: b"\n".join(lines) + b"\n"}


def line_of(files: Mapping[str, bytes], topic: str) -> int:
    """Where the first event of a topic stands."""
    return next(
        number for number, line in enumerate(files["events.jsonl"].splitlines()) if topic.encode() in line
    )


def wrong(folder: Path, files: Mapping[str, bytes]) -> str:
    """What the verifier finds fault with."""
    with pytest.raises(bundle_verifier.Wrong) as found:
        list(bundle_verifier.verify(str(unpacked(folder, files))))
    return str(found.value)


# --- what it proves


async def test_a_bundle_proves_the_very_words_with_the_key(
    log: Proven, session: ChatSession, tmp_path: Path
) -> None:
    files = await bundled(log, session, with_key=True)

    verified = run(unpacked(tmp_path, files), "--public-key", PUBLIC_KEY)

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "the words shown are those that were sealed" in verified.stdout
    assert "transcript.json has the words of the events" in verified.stdout
    assert f"holds version {session.version} and so all before it" in verified.stdout
    assert f"public key {PUBLIC_KEY}: which was given" in verified.stdout
    assert b"Question" in files["events.jsonl"]
    assert b"Question" in files["transcript.html"]


async def test_a_bundle_without_the_key_says_that_the_words_are_not_proved(
    log: Proven, session: ChatSession, tmp_path: Path
) -> None:
    files = await bundled(log, session)

    verified = run(unpacked(tmp_path, files))

    assert "visitor.key" not in files
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert KEYLESS in verified.stdout
    assert "COMPARE it with the one that the service has published" in verified.stdout


async def test_a_bundle_of_an_erased_session_holds_no_word_and_proves_the_sealed_bytes(
    log: Proven, tmp_path: Path
) -> None:
    session = next(session for session in log.talk.sessions.values() if session.erased_at)
    files = await bundled(log, session, with_key=True)

    verified = run(unpacked(tmp_path, files))

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "the visitor was erased" in verified.stdout
    forged = changed(files, "transcript.json", lambda t: t["entries"][0].update(text="I never said this"))
    assert "something else than the events" in wrong(tmp_path, forged)
    assert "visitor.key" not in files
    assert not any(b"Question" in content or b"novated" in content for content in files.values())
    assert b'"sealed":"[erased]"' in files["events.jsonl"]


async def test_its_readme_names_every_file_and_the_command_that_checks_them(
    log: Proven, session: ChatSession, tmp_path: Path
) -> None:
    files = await bundled(log, session, with_key=True)
    readme = files["README.txt"].decode()

    (command,) = [line.split() for line in readme.splitlines() if line.startswith("    python3")]
    checked = subprocess.run(
        command, cwd=unpacked(tmp_path, files), capture_output=True, check=False, timeout=60
    )

    assert (checked.returncode, checked.stderr) == (0, b"")
    named = {line.split()[0] for line in readme.splitlines() if re.match(r"\w+\.\w+ ", line)}
    assert named == set(files) - {"README.txt"}


async def test_what_isnt_checked_is_named(log: Proven, session: ChatSession, tmp_path: Path) -> None:
    folder = unpacked(tmp_path, await bundled(log, session, with_key=True))
    (folder / "evil\x1b[2J.pdf").touch()

    *_, files, transcript = run(folder).stdout.splitlines()

    assert files == r"NOT CHECKED: README.txt, 'evil\x1b[2J.pdf', transcript.html"
    assert transcript.startswith("NOT CHECKED: in transcript.json, anything but who said what")
    assert {path.name for path in folder.iterdir()} == {
        *bundle_verifier.CHECKED,
        *("README.txt", "evil\x1b[2J.pdf", "transcript.html"),
    }


@pytest.mark.parametrize("name", ["events.jsonl", "proof.json", "transcript.json", "visitor.key"])
async def test_what_isnt_named_as_not_checked_is_checked(
    log: Proven, session: ChatSession, tmp_path: Path, name: str
) -> None:
    files = await bundled(log, session, with_key=True)
    other = max(log.talk.sessions.values(), key=lambda each: (each is not session, each.replies))
    others = await bundled(log, other, with_key=True)

    assert run(unpacked(tmp_path, {**files, name: others[name]})).returncode == 1


async def test_a_bundle_made_again_is_the_same_byte_for_byte(log: Proven, session: ChatSession) -> None:
    assert await bundled(log, session) == await bundled(log, session)


async def test_what_no_checkpoint_covers_yet_is_said_to_be_under_no_signature(
    new_conninfo: str, tmp_path: Path
) -> None:
    async with proven(new_conninfo) as log:
        session = await log.talk.begin()
        nothing_signed = run(unpacked(tmp_path, await bundled(log, session)))
        await log.sign()
        await log.talk.step(session)
        partly_signed = run(unpacked(tmp_path, await bundled(log, session)))

    assert nothing_signed.returncode == partly_signed.returncode == 0
    assert "NO CHECKPOINT covers any of it yet" in nothing_signed.stdout
    assert "versions 2 to 3 came later, and are under no signature yet" in partly_signed.stdout


# --- what it doesn't accept


@pytest.mark.parametrize(
    ("topic", "change", "fault"),
    [
        ("visitor_message_posted", lambda e: e["sealed"].update(text="I never said this"), "other words"),
        ("reply_chunks_recorded", lambda e: e["sealed"].update(parts=["No."]), "other words"),
        ("reply_started", lambda e: e["clear"].update(assistant="somebody else"), "shows in clear"),
        ("reply_started", lambda e: e.update(at=e["at"] + 1), "shows in clear"),
        ("reply_started", lambda e: e.update(sealed={"text": "It is free."}), "nothing is sealed"),
        ("reply_started", lambda e: e.update(version=99), "is missing"),
        (
            "reply_chunks_recorded",
            lambda e: e.update(topic="reply_chunks_recorded.v2"),
            "doesn't name the hash",
        ),
    ],
)
async def test_an_event_that_shows_something_else_is_refused(
    log: Proven, session: ChatSession, tmp_path: Path, topic: str, change: Change, fault: str
) -> None:
    files = await bundled(log, session, with_key=True)
    line = line_of(files, topic)

    assert fault in wrong(tmp_path, changed(files, "events.jsonl", change, line))


async def test_words_can_neither_be_hidden_as_erased_nor_shown_of_who_was_erased(
    log: Proven, session: ChatSession, tmp_path: Path
) -> None:
    erased = next(session for session in log.talk.sessions.values() if session.erased_at)

    def hide(event: dict[str, Any]) -> None:
        event["sealed"] = "[erased]"

    def show(event: dict[str, Any]) -> None:
        event["sealed"] = {"text": "I never said this", "client_message_id": None}

    for one, change, fault in (
        (session, hide, "nothing says that the visitor was erased"),
        (erased, show, "of a visitor who was erased"),
    ):
        files = await bundled(log, one)
        line = line_of(files, "visitor_message_posted")
        assert fault in wrong(tmp_path, changed(files, "events.jsonl", change, line))


async def test_of_who_is_being_erased_a_bundle_holds_nothing_though_the_key_is_there(
    new_conninfo: str, tmp_path: Path
) -> None:
    async with proven(new_conninfo) as log:
        session = await log.talk.begin()
        await log.talk.erase(await log.talk.step(session))
        files = await bundled(log, session, with_key=True)

    verified = run(unpacked(tmp_path, files))

    assert verified.returncode == 0, verified.stdout
    assert "the visitor was erased" in verified.stdout
    assert "visitor.key" not in files
    assert b"Question" not in files["events.jsonl"]


async def test_who_is_erased_while_a_zip_is_being_made_has_no_word_in_it(
    new_conninfo: str, tmp_path: Path
) -> None:
    async with proven(new_conninfo) as log:
        session = await log.talk.step(await log.talk.begin())
        assert b"Question" in (await bundled(log, session))["transcript.json"]
        auditor = PostgresAuditor(log.conninfo, log.database, log.keyring, KEY)
        left = [session]

        async def erase_meanwhile() -> None:
            await forget(log, [left.pop()] if left else [])

        made = await zipped(log.store, auditor, session.session_id, with_key=True, sign=erase_meanwhile)

    files = unzipped(made)
    verified = run(unpacked(tmp_path, files))
    assert verified.returncode == 0, verified.stdout
    assert "the visitor was erased" in verified.stdout
    assert not any(b"Question" in content for content in files.values())


async def test_any_byte_of_any_state_that_was_changed_is_found(
    log: Proven, session: ChatSession, tmp_path: Path
) -> None:
    files = await bundled(log, session)
    chance = random.Random(1)
    count = len(files["events.jsonl"].splitlines())

    def flip(event: dict[str, Any]) -> None:
        state = bytearray(base64.b64decode(event["state"]))
        state[chance.randrange(len(state))] ^= 1
        event["state"] = base64.b64encode(bytes(state)).decode()

    for line in range(count):
        folder = unpacked(tmp_path, changed(files, "events.jsonl", flip, line))
        with pytest.raises((bundle_verifier.Wrong, ValueError, KeyError)):
            list(bundle_verifier.verify(str(folder)))


async def test_an_event_that_was_left_out_is_missed(
    log: Proven, session: ChatSession, tmp_path: Path
) -> None:
    files = await bundled(log, session)
    lines = files["events.jsonl"].splitlines(keepends=True)
    without_one, without_the_last = b"".join(lines[:2] + lines[3:]), b"".join(lines[:-1])
    silent = {name: content for name, content in files.items() if name != "transcript.json"}

    assert "version 3 is missing" in wrong(tmp_path, {**silent, "events.jsonl": without_one})
    assert "isn't here" in wrong(tmp_path, {**silent, "events.jsonl": without_the_last})


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("proof.json", lambda p: p["checkpoint"].update(up_to=p["checkpoint"]["up_to"] + 1), "signature"),
        ("proof.json", lambda p: p["checkpoint"].update(signature="A" * 86), "signature"),
        ("proof.json", lambda p: p["inclusion"]["path"].pop(), "isn't in the tree"),
        (
            "proof.json",
            lambda p: p["inclusion"].update(index=p["inclusion"]["index"] ^ 1),
            "isn't in the tree",
        ),
        ("proof.json", lambda p: p.update(public_key=base64.b64encode(bytes(32)).decode()), "signature"),
        ("transcript.json", lambda t: t["entries"].pop(), "something else than the events"),
        (
            "transcript.json",
            lambda t: t["entries"][0].update(text="Never."),
            "something else than the events",
        ),
        (
            "transcript.json",
            lambda t: t["entries"].append({"who": "service", "text": "We owe you a car."}),
            "something else than the events",
        ),
        (
            "transcript.json",
            lambda t: t["entries"].append({"who": "Assistant", "text": "It is free."}),
            "something else than the events",
        ),
    ],
)
async def test_a_proof_or_transcript_that_was_changed_is_refused(
    log: Proven, session: ChatSession, tmp_path: Path, name: str, change: Change, fault: str
) -> None:
    files = await bundled(log, session)

    assert fault in wrong(tmp_path, changed(files, name, change))


async def test_another_key_than_the_one_that_is_trusted_is_refused(
    log: Proven, session: ChatSession, tmp_path: Path
) -> None:
    folder = unpacked(tmp_path, await bundled(log, session))

    refused = run(folder, "--public-key", base64.b64encode(b"k" * 32).decode())

    assert refused.returncode == 1
    assert refused.stdout.splitlines()[-1].startswith("WRONG: these files were signed with another key")


async def test_files_that_are_missing_or_garbage_are_told_without_a_traceback(
    log: Proven, session: ChatSession, tmp_path: Path
) -> None:
    folder = unpacked(tmp_path, await bundled(log, session))
    (folder / "proof.json").write_text("{")
    garbage = run(folder)
    (folder / "proof.json").unlink()
    missing = run(folder)

    assert (garbage.returncode, missing.returncode) == (1, 1)
    assert "WRONG: the files can't be read" in garbage.stdout
    assert "WRONG: proof.json is missing" in missing.stdout
    assert garbage.stderr == missing.stderr == ""


async def test_a_log_that_does_not_match_its_checkpoint_gives_no_proof(
    new_conninfo: str,
) -> None:
    async with proven(new_conninfo) as log:
        session, other = await log.talk.begin(), await log.talk.begin()
        await log.sign()
        execute(
            new_conninfo, "UPDATE stored_events SET topic = 'x' WHERE originator_id = %s", other.session_id
        )

        with pytest.raises(CorruptLog, match="says that it held"):
            await bundled(log, session)
