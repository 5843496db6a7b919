"""The browser's client, as it is built, against the real service.

Through breaking lines, kills and reloads, a page is shown every word once, and what its visitor said is on
the record once.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.line import Line, line_to
from tests.support.operators import OPERATOR, TOKEN
from tests.support.page import Page, page
from tests.support.service import Frame, Service, ServiceProcess, Visitor, served
from tests.support.waiting import until

QUESTION = "What is a novated lease?"
NOWHERE = 1
"""A port at which nobody answers."""


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """It leads nowhere, until a test says where the service is."""
    async with line_to(NOWHERE) as line:
        yield line


SETTINGS = {
    "VERBATIM_WORDS_PER_SECOND": "50",
    "VERBATIM_CHUNK_WINDOW_MS": "20",
    "VERBATIM_OPERATOR_TOKEN": TOKEN,
}


@pytest.fixture
async def service(conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    """For tests in which it lives on."""
    async with served(conninfo, data_dir, environment=SETTINGS) as service:
        yield service


@pytest.fixture
async def process(conninfo: str, data_dir: Path, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    """For tests in which it is killed."""
    place = {"DATABASE_URL": conninfo, "VERBATIM_DATA_DIR": str(data_dir)}
    process = ServiceProcess({**place, **SETTINGS}, tmp_path / "log")
    yield process
    await process.stop()


async def start(process: ServiceProcess, line: Line) -> Service:
    """Start the service, and have the line lead there."""
    service = await process.start()
    line.target = service.port
    return service


async def begun(page: Page, service: Service) -> Visitor:
    """The visitor of the session that a page starts."""
    session = await page.ask("start", "started")
    return Visitor(service, UUID(session["session_id"]), UUID(session["visitor_id"]))


def say(page: Page, visitor: Visitor, text: str) -> None:
    page.order("say", text=text, session_id=str(visitor.session_id), visitor_id=str(visitor.visitor_id))


async def shown(page: Page, words: int) -> None:
    await until(lambda: len(page.frames("chunk")) >= words, f"{words} words, after {page.events[-3:]}")


async def answered(page: Page, times: int = 1) -> list[Frame]:
    await until(lambda: len(page.frames("complete")) >= times, f"the end, after {page.events[-3:]}", 30)
    return page.frames("complete")


async def asked(visitor: Visitor) -> list[str]:
    """What the visitor has said, as it is on the record."""
    return [entry["text"] for entry in (await visitor.transcript())["entries"] if entry["who"] == "visitor"]


async def test_a_page_is_shown_every_word_once_however_often_its_line_is_cut(
    service: Service, line: Line
) -> None:
    line.target = service.port
    async with page(f"{line.url}/ws/chat/") as visited:
        visitor = await begun(visited, service)
        say(visited, visitor, QUESTION)
        for words in range(2, 40, 4):
            await shown(visited, words)
            line.drop()
        (end,) = await answered(visited)

        assert visited.text == end["message"]
        assert [end["message"]] == await visitor.spoken()
        assert await asked(visitor) == [QUESTION]
        assert visited.told("state").count("offline") >= 5, "it was cut, again and again"


async def test_a_page_goes_on_after_a_kill_in_mid_reply_with_all_that_is_on_the_record(
    process: ServiceProcess, line: Line
) -> None:
    service = await start(process, line)
    async with page(f"{line.url}/ws/chat/") as visited:
        visitor = await begun(visited, service)
        say(visited, visitor, QUESTION)
        await shown(visited, 7)
        await process.kill()
        say(visited, visitor, "Who owns the car?")

        visitor.service = await start(process, line)
        await answered(visited, 2)
        seen = await visited.ask("look", "seen")

        assert visited.text == "".join(await visitor.spoken()), (
            "every reply, the interrupted one too, word for word"
        )
        assert await asked(visitor) == [QUESTION, "Who owns the car?"]
        assert seen["outbox"] == []
        codes = [frame["metadata"]["code"] for frame in visited.frames("error")]
        assert codes == ["reply_interrupted"]


async def test_what_is_said_while_there_is_no_service_survives_a_reload_and_is_said_once(
    process: ServiceProcess, line: Line
) -> None:
    service = await start(process, line)
    async with page(f"{line.url}/ws/chat/") as visited:
        visitor = await begun(visited, service)
        await until(lambda: visited.state == "open", "it to be open")
        await process.kill()
        say(visited, visitor, QUESTION)
        say(visited, visitor, "Who owns the car?")
        visited.order("load")

        visitor.service = await start(process, line)
        ends = await answered(visited, 2)

        assert await asked(visitor) == [QUESTION, "Who owns the car?"]
        assert visited.text == "".join(end["message"] for end in ends)
        assert [frame["metadata"]["client_message_id"] for frame in visited.frames("accepted")] == (
            visited.told("said")
        )


async def test_a_page_that_is_loaded_again_is_given_all_of_the_conversation_if_it_asks_for_it(
    service: Service,
) -> None:
    async with page(service.ws_url, "all") as visited:
        visitor = await begun(visited, service)
        say(visited, visitor, QUESTION)
        await answered(visited)
        before = visited.frames("message", "chunk", "complete")
        visited.events.clear()

        visited.order("load")
        await answered(visited)

        assert visited.frames("message", "chunk", "complete") == before


async def test_a_reply_is_stopped_and_rated(service: Service) -> None:
    async with page(service.ws_url) as visited:
        visitor = await begun(visited, service)
        say(visited, visitor, QUESTION)
        await shown(visited, 3)
        await visited.ask("stop", "stopped")
        (end,) = await answered(visited)
        await visited.ask("rate", "rated", response_id=end["response_id"], rating="up")
        refused = await visited.ask("rate", "not rated", response_id=str(visitor.visitor_id), rating="up")

        assert end["metadata"]["finish_reason"] == "stopped"
        assert visited.text == end["message"]
        (reply,) = [entry for entry in (await visitor.transcript())["entries"] if entry["who"] == "assistant"]
        assert reply["rating"] == "up"
        assert refused["code"] == "reply_not_found"


async def test_a_session_that_isn_t_there_is_refused_and_a_new_one_is_as_good_as_any(
    service: Service,
) -> None:
    async with page(service.ws_url) as visited:
        nobody = Visitor(service, UUID(int=1), UUID(int=2))
        say(visited, nobody, QUESTION)
        await until(lambda: bool(visited.told("undelivered")), "the refusal")
        visitor = await begun(visited, service)
        say(visited, visitor, QUESTION)
        await answered(visited)

        assert [frame["error"] for frame in visited.frames("error")] == ["Session not found"]
        assert visited.told("undelivered") == [{"code": "session_not_found", "message": "Session not found"}]
        assert visited.told("state") == ["connecting", "resuming", "open"]


async def test_nothing_of_a_visitor_who_is_erased_stays_in_the_page(service: Service) -> None:
    async with page(service.ws_url) as visited:
        visitor = await begun(visited, service)
        say(visited, visitor, QUESTION)
        await answered(visited)
        async with service.http() as http:
            erased = await http.delete(
                f"/api/audit/visitors/{visitor.visitor_id}/",
                headers=OPERATOR,
            )
        await until(lambda: visited.state == "failed", "it to be told")

        assert erased.status_code == 200
        assert (await visited.ask("look", "seen")) == {"outbox": [], "sessions": [], "kept": []}
