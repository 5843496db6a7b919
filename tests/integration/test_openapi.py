"""The OpenAPI document and the service, held against each other by schemathesis: all of its checks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import EngineFinished, FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder

from tests.support.assistants import Echo
from tests.support.histories import demo
from tests.support.operators import OPERATOR, SETTINGS
from tests.support.projecting import projecting
from tests.support.service import Service, served
from tests.support.stores import Stores

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")

ENDLESS = ("streamSession", "replaySession")
"""The operations whose answers have no end, where the session is real and goes on."""

AUDIT = ("listEvents", "getState", "replaySession", "exportSession")
OF_OPERATORS = (
    *("getOverview", "getDaily", "getHourly", "getReplies", "getEndings", "getSuggestions", "getDetails"),
    "listSessions",
)
PROOFS = ("getPublicKey", "listCheckpoints", "verifySession")
NOWHERE = {
    "operations": [
        {
            "include-operation-id": list(AUDIT),
            "checks": {"positive_data_acceptance": {"expected-statuses": ["200", "400", "401", "404"]}},
        },
        {
            "include-operation-id": [*OF_OPERATORS, *PROOFS],
            "checks": {"positive_data_acceptance": {"expected-statuses": ["200", "400", "401", "404"]}},
        },
        {
            "include-operation-id": ["listOwnEvents"],
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ["200", "400", "403", "404", "410"]}
            },
        },
        {
            "include-operation-id": ["getSession", "getTranscript", "endSession", "stopReply"],
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "403", "404", "410"]}},
        },
    ]
}
"""Of a place in a session only the session can say whether there is such a one, and it may be erased; and
that days are in order is no part of a schema."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    stores = Stores(conninfo)
    await demo(await stores.open(), 20)
    await stores.close()
    with projecting(conninfo) as process:
        process.catch_up()
    environment = {
        "VERBATIM_CHUNK_WINDOW_MS": "0",
        "VERBATIM_MAX_MESSAGE_CHARS": "100000",
        **SETTINGS,
    }
    folder = tmp_path_factory.mktemp("data")
    async with served(conninfo, folder, Echo(), environment) as service:
        yield service


@pytest.fixture
def examples(full_dose: bool) -> int:
    return 200 if full_dose else 6


class Report:
    """What came of a run: how many answers were checked, by operation, and what was found wrong."""

    def __init__(self) -> None:
        self.checked: dict[str, set[int]] = {}
        self.found: list[str] = []

    def add(self, recorder: ScenarioRecorder) -> None:
        for node in recorder.cases.values():
            if interaction := recorder.interactions.get(node.value.id):
                statuses = self.checked.setdefault(node.value.operation.label, set())
                if interaction.response is not None:
                    statuses.add(interaction.response.status_code)
        for checks in recorder.checks.values():
            for check in checks:
                if check.status is Status.FAILURE:
                    assert check.failure_info is not None
                    failure = check.failure_info.failure
                    self.found.append(f"{recorder.label}: {failure.title}: {failure.message}")


def run(
    service: Service, examples: int, *, only: tuple[str, ...] = (), but: tuple[str, ...] = (), **real: str
) -> Report:
    """All phases of schemathesis; `real` are values that parameters have instead of generated ones."""
    config = SchemathesisConfig.from_dict(NOWHERE)
    schema = schemathesis.openapi.from_url(f"{service.url}/api/docs/openapi.json", config=config)
    # By what isn't wanted alone: what is only included would be all there is, and some of it has no end.
    schema = schema.exclude(func=lambda each: _id(each) in but or (bool(only) and _id(each) not in only))
    schema.config.update(headers=OPERATOR)
    # Without a token of its own making: ours would mend what was to be wrong.
    schema.config.generation.update(max_examples=examples, database="none", with_security_parameters=False)
    if real:
        schema.config.update(parameters=real)
        schema.config.phases.stateful.enabled = False
    report = Report()
    for event in from_schema(schema).execute():
        match event:
            case ScenarioFinished(recorder=recorder):
                report.add(recorder)
            case NonFatalError(value=error, label=label):
                report.found.append(f"{label}: {error!r}")
            case FatalError(exception=error):
                report.found.append(repr(error))
            case EngineFinished(failures=failures):
                report.found += [repr(failure) for failure in failures]
    return report


def _id(each: Any) -> str:
    return each.operation.definition.raw.get("operationId", "")


@pytest.mark.dosed
async def test_schemathesis_finds_nothing_with_sessions_that_it_makes_up(
    service: Service, examples: int
) -> None:
    report = await asyncio.to_thread(run, service, examples, but=(*ENDLESS, "eraseVisitor"))

    assert not report.found, "\n".join(report.found)
    assert len(report.checked) >= 12
    assert {201, 400} <= report.checked["POST /api/chats/sessions"]


@pytest.mark.dosed
async def test_schemathesis_finds_nothing_with_a_real_session(service: Service, examples: int) -> None:
    visitor = await service.start_session()
    real: dict[str, Any] = {"session_id": str(visitor.session_id), "X-Visitor-Id": str(visitor.visitor_id)}

    report = await asyncio.to_thread(
        run, service, examples, but=(*ENDLESS, "endSession", "startSession", "eraseVisitor"), **real
    )

    assert not report.found, "\n".join(report.found)
    session = "/api/chats/sessions/{session_id}"
    assert 200 in report.checked[f"GET {session}"]
    assert {200, 400} <= report.checked[f"POST {session}/messages"]
    assert {200, 400} <= report.checked[f"GET {session}/transcript"]
    assert 204 in report.checked[f"POST {session}/stop"]
    entries = (await visitor.transcript())["entries"]
    assert entries, "messages have been posted"
    assert {entry.get("outcome") for entry in entries} <= {None, "completed", "stopped"}


@pytest.mark.dosed
async def test_schemathesis_finds_nothing_in_streams_that_there_arent(
    service: Service, examples: int
) -> None:
    nowhere: dict[str, Any] = {"session_id": str(uuid4())}

    report = await asyncio.to_thread(run, service, examples, only=ENDLESS, **nowhere)

    assert not report.found, "\n".join(report.found)
    assert {400, 404} <= report.checked["GET /api/chats/sessions/{session_id}/stream"]
    assert 404 in report.checked["GET /api/audit/sessions/{session_id}/replay"]


@pytest.mark.dosed
async def test_schemathesis_finds_nothing_in_what_auditors_see(service: Service, examples: int) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("What is a novated lease?"))
        await socket.receive_until("complete")
    async with service.http() as http:
        await http.delete(visitor.path + "/", headers=visitor.headers)
    real: dict[str, Any] = {"session_id": str(visitor.session_id), "speed": "max"}

    report = await asyncio.to_thread(run, service, examples, only=AUDIT, **real)

    assert not report.found, "\n".join(report.found)
    for name in ("events", "state", "replay", "export"):
        assert {200, 400, 401} <= report.checked[f"GET /api/audit/sessions/{{session_id}}/{name}"], name


@pytest.mark.dosed
@pytest.mark.parametrize("operation", OF_OPERATORS)
async def test_schemathesis_finds_nothing_in_what_operators_ask(
    service: Service, examples: int, operation: str
) -> None:
    report = await asyncio.to_thread(run, service, examples, only=(operation,))

    assert not report.found, "\n".join(report.found)
    ((_, statuses),) = report.checked.items()
    assert {200, 400} <= statuses
