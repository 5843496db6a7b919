"""The service in a process of its own, killed in mid-reply: no shown word and no accepted message is lost."""

import asyncio
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import Struct, field
from websockets.exceptions import ConnectionClosed

from tests.support.service import Frame, Service, ServiceProcess, Visitor, text_of
from tests.support.waiting import until

QUESTION = "What is a novated lease?"
VISITORS = 4
"""How many are in the middle of a reply when the service is killed."""


class Shown(Struct):
    """What one visitor had seen of a reply when the service was killed."""

    visitor: Visitor
    frames: list[Frame] = field(default_factory=list)

    @property
    def text(self) -> str:
        return text_of(self.frames)

    @property
    def cursor(self) -> str:
        return self.frames[-1]["metadata"]["cursor"]

    def question(self) -> Frame:
        return self.visitor.message(QUESTION, client_message_id="m-1")


async def watch(shown: Shown, words: int, seen: asyncio.Event) -> None:
    """Ask, and watch the reply until the service is gone; say so once that many words are there."""
    async with shown.visitor.socket() as socket:
        await socket.send(shown.question())
        with suppress(ConnectionClosed):
            while True:
                shown.frames.append(await socket.receive())
                if len(shown.frames) >= words:
                    seen.set()


async def killed_in_mid_reply(process: ServiceProcess, service: Service) -> list[Shown]:
    """What several visitors had seen when the service was killed, with one of them at a random word."""
    everybody = [Shown(await service.start_session()) for _ in range(VISITORS)]
    seen = asyncio.Event()
    watching = [asyncio.create_task(watch(shown, random.randint(1, 30), seen)) for shown in everybody]
    await seen.wait()
    await process.kill()
    await asyncio.gather(*watching)
    return everybody


async def check_comes_back(shown: Shown, service: Service) -> str:
    """A visitor who comes back finds all that they saw, and their question answered anew. The new answer."""
    visitor = shown.visitor
    visitor.service = service
    async with visitor.socket(after=shown.cursor if shown.frames else "1.0") as socket:
        # Sent again, as by a client that doesn't know what became of it.
        await socket.send(shown.question())
        frames = await socket.receive_until("complete")
    transcript = await visitor.transcript()
    asked = [entry for entry in transcript["entries"] if entry["who"] == "visitor"]
    replies = [entry for entry in transcript["entries"] if entry["who"] == "assistant"]
    answer = frames[-1]["message"]

    assert [entry["text"] for entry in asked] == [QUESTION], "neither lost nor doubled"
    assert {entry["message_id"] for entry in replies} == {asked[0]["message_id"]}
    assert [entry["outcome"] for entry in replies][-1] == "completed"
    assert replies[-1]["text"] == answer
    interruptions = [frame for frame in frames if frame["type"] == "error"]
    if len(replies) == 1:
        assert interruptions == []
        assert shown.text + text_of(frames) == answer
    else:
        interrupted, _ = replies
        assert interrupted["outcome"] == "failed"
        assert interrupted["text"].startswith(shown.text), "what was shown is on the record"
        assert answer.startswith(interrupted["text"])
        assert [frame["metadata"]["code"] for frame in interruptions] == ["reply_interrupted"]
        before = frames.index(interruptions[0])
        assert shown.text + text_of(frames[:before]) == interrupted["text"], "it goes on where it was cut off"
        assert text_of(frames[before:]) == answer
    return answer


def settings(conninfo: str, data_dir: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": conninfo,
        "VERBATIM_DATA_DIR": str(data_dir),
        "VERBATIM_WORDS_PER_SECOND": "250",
        "VERBATIM_CHUNK_WINDOW_MS": "20",
    }


@pytest.mark.dosed
async def test_no_shown_word_and_no_accepted_message_is_lost_however_often_it_is_killed(
    new_conninfo: str, data_dir: Path, tmp_path: Path, full_dose: bool
) -> None:
    process = ServiceProcess(settings(new_conninfo, data_dir), tmp_path / "log")
    answers: set[str] = set()
    interrupted: list[Shown] = []

    for _ in range(100 if full_dose else 3):
        service = await process.start()
        answers |= set(await asyncio.gather(*(check_comes_back(shown, service) for shown in interrupted)))
        interrupted = await killed_in_mid_reply(process, service)
        assert any(shown.text for shown in interrupted)
    service = await process.start()
    answers |= set(await asyncio.gather(*(check_comes_back(shown, service) for shown in interrupted)))

    assert len(answers) == 1, "everybody was told the same, whole"
    assert await process.stop() == 0
    for trace in ("ERROR", "Traceback", QUESTION):
        assert trace not in process.output


async def stopped_in_mid_reply(process: ServiceProcess, service: Service) -> Shown:
    """What a visitor had seen when the service, told to stop in the middle of a reply, had exited."""
    shown, quiet = Shown(await service.start_session()), await service.start_session()
    async with shown.visitor.socket() as socket, quiet.socket() as idle:
        await socket.send(shown.question())
        shown.frames.append(await socket.receive())
        stopping = asyncio.create_task(process.stop())
        with suppress(ConnectionClosed):
            while True:
                shown.frames.append(await socket.receive())
        assert await stopping == 0
        await idle.connection.wait_closed()
    assert socket.connection.close_code == idle.connection.close_code == 1012, "it restarts: come back"
    return shown


async def test_a_service_that_is_told_to_stop_lets_its_replies_be_said(
    new_conninfo: str, data_dir: Path, tmp_path: Path
) -> None:
    process = ServiceProcess(settings(new_conninfo, data_dir), tmp_path / "log")

    shown = await stopped_in_mid_reply(process, await process.start())

    assert shown.frames[-1]["type"] == "complete"
    assert shown.text == shown.frames[-1]["message"]
    for trace in ("ERROR", "Traceback", QUESTION, str(shown.visitor.visitor_id)):
        assert trace not in process.output


async def test_a_service_that_can_t_wait_breaks_its_replies_off_and_they_go_on_later(
    new_conninfo: str, data_dir: Path, tmp_path: Path
) -> None:
    impatient = settings(new_conninfo, data_dir) | {"VERBATIM_GRACE_SECONDS": "0"}
    process = ServiceProcess(impatient, tmp_path / "log")

    shown = await stopped_in_mid_reply(process, await process.start())

    assert shown.frames[-1]["type"] == "chunk"
    await check_comes_back(shown, await process.start())
    assert await process.stop() == 0
    for trace in ("ERROR", "Traceback", QUESTION, str(shown.visitor.visitor_id)):
        assert trace not in process.output


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others can enter: the embedded server runs as a user of its own where this is root."""
    folder = Path(tempfile.mkdtemp(prefix="verbatim-e2e-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_without_a_database_it_brings_its_own_which_survives_a_kill(open_folder: Path) -> None:
    process = ServiceProcess(settings("", open_folder / "data"), open_folder / "log")
    service = await process.start()
    shown = Shown(await service.start_session())
    seen = asyncio.Event()
    watching = asyncio.create_task(watch(shown, 3, seen))
    await seen.wait()
    await process.kill()
    await watching

    service = await process.start()
    await check_comes_back(shown, service)
    assert (open_folder / "data/postgres/postmaster.pid").exists()
    assert await process.stop() == 0

    assert not (open_folder / "data/postgres/postmaster.pid").exists(), "its PostgreSQL is stopped with it"
    assert "Traceback" not in process.output
    assert (open_folder / "data/master.key").stat().st_mode & 0o777 == 0o600


async def test_its_own_database_is_started_again_when_it_dies(open_folder: Path) -> None:
    process = ServiceProcess(settings("", open_folder / "data"), open_folder / "log")
    service = await process.start()
    visitor = await service.start_session()

    for stroke in (signal.SIGQUIT, signal.SIGKILL):
        os.kill(postmaster(open_folder), stroke)
        await until(lambda: is_answered(visitor), "a message to be answered again")

    assert await process.stop() == 0
    assert process.output.count("the embedded PostgreSQL has died: it is started again") == 2
    assert not (open_folder / "data/postgres/postmaster.pid").exists(), "it is stopped with the service"
    for trace in ("Traceback", "Failed"):
        assert trace not in process.output


def postmaster(folder: Path) -> int:
    """The process of the embedded server."""
    return int((folder / "data/postgres/postmaster.pid").read_text().split()[0])


async def is_answered(visitor: Visitor) -> bool:
    async with visitor.service.http() as http:
        asked = await http.post(
            visitor.path + "/messages/", json={"message": QUESTION}, headers=visitor.headers
        )
    return asked.status_code == 200


async def test_a_service_that_is_told_to_stop_keeps_no_connection_by_which_a_proxy_could_bring_it_more(
    new_conninfo: str, data_dir: Path, tmp_path: Path
) -> None:
    leisurely = settings(new_conninfo, data_dir) | {"VERBATIM_WORDS_PER_SECOND": "25"}
    process = ServiceProcess(leisurely, tmp_path / "log")
    service = await process.start()
    visitor = await service.start_session()
    proxy, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: verbatim\r\n\r\n")
    await proxy.readuntil(b"}")

    async with visitor.socket() as socket:
        await socket.send(visitor.message(QUESTION))
        await socket.receive()
        stopping = asyncio.create_task(process.stop())
        assert await proxy.read() == b"", "it hangs up"
        # While the reply is still being said, for it can be stopped.
        await socket.send({**visitor.message(""), "type": "stop"})
        last = (await socket.receive_until("complete"))[-1]

    assert last["metadata"]["finish_reason"] == "stopped"
    assert await stopping == 0
