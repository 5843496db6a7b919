"""What tests of services, assistants and writers share: who answers, and what may stand in the log."""

from collections.abc import AsyncIterator, Iterator

import pytest
from msgspec.structs import replace

from infrastructure.assistants.openai import OpenAIAssistant
from infrastructure.recorder import Recorder, datastore
from tests.support.hearing import KEY, LIMITS, PERSONA, MakeAssistant
from tests.support.openai_server import OpenAIServer
from tests.support.puppet import Puppet
from tests.support.service import complaints


@pytest.fixture(scope="module")
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
def nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert complaints(caplog) == []


@pytest.fixture
def recorder(conninfo: str) -> Iterator[Recorder]:
    recorder = Recorder(datastore(conninfo))
    yield recorder
    recorder.datastore.close()


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
