"""What tests of services, logs and assistants share: who asks, who answers, what may stand in the log."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from msgspec.structs import replace

from infrastructure.assistants.openai import OpenAIAssistant
from infrastructure.recorder import Recorder, datastore
from tests.support.cast import SECRET, Cast
from tests.support.hearing import KEY, LIMITS, PERSONA, MakeAssistant
from tests.support.openai_server import OpenAIServer
from tests.support.puppet import Puppet
from tests.support.service import FAST, Service, ServiceProcess, Visitor, complaints, served
from tests.support.stores import Stores


@pytest.fixture(scope="module")
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture(scope="module")
def environment() -> Mapping[str, str]:
    """Settings of the module's service: a module that needs others has a fixture of this name."""
    return FAST


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(
    conninfo: str, data_dir: Path, puppet: Puppet, environment: Mapping[str, str]
) -> AsyncIterator[Service]:
    async with served(conninfo, data_dir, puppet, environment) as service:
        yield service


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.http() as http:
        yield http


@pytest.fixture
async def visitor(service: Service) -> Visitor:
    return await service.start_session()


@pytest.fixture
def nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert complaints(caplog) == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(conninfo: str, data_dir: Path) -> AsyncIterator[Cast]:
    environment = {
        "DATABASE_URL": conninfo,
        "VERBATIM_DATA_DIR": str(data_dir),
        "VERBATIM_WORDS_PER_SECOND": "0",
        "VERBATIM_CHUNK_WINDOW_MS": "5",
        "VERBATIM_MESSAGES_PER_MINUTE": "10000",
        "VERBATIM_MESSAGES_PER_SESSION": "100000",
        "VERBATIM_SESSIONS_PER_MINUTE": "10000",
        "VERBATIM_FRAMES_PER_SECOND": "100000",
    }
    process = ServiceProcess(environment, data_dir / "log")
    cast = Cast(process, await process.start())
    await cast.expired(conninfo, data_dir)
    yield cast
    assert await process.stop() == 0


@pytest.fixture
def nothing_is_betrayed_to_the_log(cast: Cast) -> Iterator[None]:
    yield
    output = cast.process.output
    for trace in ["ERROR", "Traceback", SECRET, *(str(visitor.visitor_id) for visitor in cast.visitors)]:
        assert trace not in output


@pytest.fixture
def recorder(conninfo: str) -> Iterator[Recorder]:
    recorder = Recorder(datastore(conninfo))
    yield recorder
    recorder.datastore.close()


@pytest.fixture
async def stores(new_conninfo: str) -> AsyncIterator[Stores]:
    stores = Stores(new_conninfo)
    yield stores
    await stores.close()


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def make_assistant(server: OpenAIServer) -> AsyncIterator[MakeAssistant]:
    made: list[OpenAIAssistant] = []

    def make(base_url: str | None = None, **limits: float) -> OpenAIAssistant:
        assistant = OpenAIAssistant(
            base_url=base_url or server.base_url,
            api_key=KEY,
            model="tiny",
            persona=PERSONA,
            limits=replace(LIMITS, **limits),
        )
        made.append(assistant)
        return assistant

    yield make
    for assistant in made:
        await assistant.close()


@pytest.fixture
def assistant(make_assistant: MakeAssistant) -> OpenAIAssistant:
    return make_assistant()
