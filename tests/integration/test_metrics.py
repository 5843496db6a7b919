"""What operators measure: nobody else sees it, and it is what docs/metrics.md says."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from domain.assistant import AssistantFailed
from infrastructure.settings import keep_operator_token
from projections.catalogue import PROJECTIONS
from tests.support.assistants import Scripted
from tests.support.operators import OPERATOR, SETTINGS, TOKEN
from tests.support.postgres import execute
from tests.support.projecting import projecting
from tests.support.service import Service, served
from tests.support.waiting import until

TABLE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
Serve = Callable[..., Awaitable[Service]]
SHORT_IDLE = {"VERBATIM_IDLE_WARNING_SECONDS": "1", "VERBATIM_IDLE_END_SECONDS": "2"}


@pytest.fixture
async def serve(new_conninfo: str, tmp_path: Path) -> AsyncIterator[Serve]:
    """Start a node of the service, with an assistant that does what it is told."""
    async with AsyncExitStack() as nodes:

        async def serve(*script: object, **environment: str) -> Service:
            environment = {"VERBATIM_OPERATOR_TOKEN": TOKEN, **environment}
            assistant = Scripted(*script)  # type: ignore[arg-type]
            return await nodes.enter_async_context(
                served(new_conninfo, tmp_path / "data", assistant, environment)
            )

        yield serve


class Measured:
    """What a node says of itself, by metric."""

    def __init__(self, text: str) -> None:
        self.families: dict[str, Metric] = {
            family.name + ("_total" if family.type == "counter" else ""): family
            for family in text_string_to_metric_families(text)
        }

    def value(self, sample: str, **labels: str) -> float:
        """The sum of all samples of this name with these labels."""
        return sum(
            found.value
            for family in self.families.values()
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )


async def measured(service: Service) -> Measured:
    async with service.http() as http:
        answer = await http.get("/metrics", headers={**OPERATOR, **OPENMETRICS})
    assert answer.status_code == 200
    return Measured(answer.text)


async def reaches(service: Service, sample: str, value: float, **labels: str) -> None:
    async def is_there() -> bool:
        return (await measured(service)).value(sample, **labels) == value

    await until(is_there, f"{sample} to be {value}")


# --- for operators only


async def test_nobody_else_sees_it(serve: Serve) -> None:
    service = await serve()
    wrong = ("", TOKEN, "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer é")

    async with service.http() as http:
        refusals = [await http.get("/metrics")]
        refusals += [
            await http.get("/metrics", headers={b"Authorization": value.encode()}) for value in wrong
        ]

    for refused in refusals:
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["cache-control"] == "no-store"
        assert refused.json()["code"] == "unauthorized"


async def test_the_token_is_that_of_the_data_folder_unless_one_is_set(serve: Serve, tmp_path: Path) -> None:
    service = await serve(VERBATIM_OPERATOR_TOKEN="")
    token = keep_operator_token(tmp_path / "data")

    async with service.http() as http:
        answer = await http.get("/metrics", headers={"Authorization": f"bearer {token}"})

    assert answer.status_code == 200
    content_type = answer.headers["content-type"]
    assert (content_type.partition(";")[0], content_type.count("charset=utf-8")) == ("text/plain", 1)


# --- what is measured


async def test_the_table_names_what_there_is_after_a_conversation(serve: Serve) -> None:
    service = await serve("Hello ", "there.")
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("Hello"))
        await socket.receive_until("complete")
    await visitor.get("/")

    families = (await measured(service)).families
    described = dict(re.findall(r"^\| `(verbatim_\w+)` \| (\w+) \|", TABLE, re.MULTILINE))
    assert {
        name: family.type for name, family in families.items() if name.startswith("verbatim_")
    } == described
    assert "process_resident_memory_bytes" in families


async def test_a_conversation_is_measured(serve: Serve) -> None:
    go_on = asyncio.Event()
    service = await serve("Hello ", go_on, "there.")
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        await socket.send(visitor.message("Hello"))
        await socket.receive_until("chunk")
        now = await measured(service)
        assert now.value("verbatim_open_sockets") == 1
        assert now.value("verbatim_live_replies") == 1
        assert now.value("verbatim_first_word_seconds_count") == 1
        assert 0 < now.value("verbatim_first_word_seconds_sum") < 20
        go_on.set()
        await socket.receive_until("complete")

    await reaches(service, "verbatim_open_sockets", 0)
    then = await measured(service)
    assert then.value("verbatim_live_replies") == 0
    assert then.value("verbatim_append_queue_commands") == 0
    assert then.value("verbatim_first_word_seconds_count") == 1, "later words aren't the first"
    commits = then.value("verbatim_append_seconds_count")
    assert commits >= 4, "the session, the message, its first words, the rest"
    assert then.value("verbatim_append_batch_commands_count") == commits
    assert then.value("verbatim_append_batch_commands_sum") >= commits
    assert 0 < then.value("verbatim_append_seconds_sum") < 20


async def test_a_reply_that_breaks_off_is_counted_by_its_reason(serve: Serve) -> None:
    service = await serve("Well, ", AssistantFailed("rate_limited"))
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        for _ in range(2):
            await socket.send(visitor.message("Hello"))
            await socket.receive_until("error")

    assert (await measured(service)).value("verbatim_reply_failures_total", reason="rate_limited") == 2


async def test_requests_are_counted_by_route_and_status(serve: Serve) -> None:
    service = await serve()
    visitor = await service.start_session()
    await visitor.get("/")
    async with service.http() as http:
        await http.get(visitor.path + "/", headers={"X-Visitor-Id": str(visitor.session_id)})
        await http.get("/nowhere")
        await http.get("/metrics")

    now = await measured(service)
    path = "/api/chats/sessions/{session_id}"
    for status in ("200", "403"):
        assert now.value("verbatim_requests_total", method="GET", path=path, status_code=status) == 1
    assert now.value("verbatim_requests_total", path="/metrics", status_code="401") == 1
    assert str(visitor.session_id) not in str(now.families)
    assert now.value("verbatim_requests_error_total") == 0


async def test_a_session_that_falls_due_is_measured(serve: Serve) -> None:
    service = await serve(**SHORT_IDLE)
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        await socket.receive_until("session_end")

    now = await measured(service)
    assert now.value("verbatim_deadline_delay_seconds_count") >= 2, "the warning, and the end"
    assert now.value("verbatim_deadline_delay_seconds_sum") < 20
    assert now.value("verbatim_deadline_overdue_seconds") < 20


async def test_the_lag_behind_another_node_is_measured_there(serve: Serve) -> None:
    one, other = await serve("Hello."), await serve("Hello.")
    visitor = await one.start_session()

    async with visitor.socket() as speaking:
        elsewhere = visitor
        elsewhere.service = other
        async with elsewhere.socket() as listening:
            await speaking.send(visitor.message("Hello"))
            await listening.receive_until("complete")

    assert (await measured(one)).value("verbatim_tail_lag_seconds_count") == 0
    then = await measured(other)
    assert then.value("verbatim_tail_lag_seconds_count") >= 1
    assert then.value("verbatim_tail_lag_seconds_sum") < 20


async def test_each_application_measures_itself(serve: Serve) -> None:
    one, other = await serve("Hello."), await serve("Hello.")
    visitor = await one.start_session()
    async with visitor.socket():
        await reaches(one, "verbatim_open_sockets", 1)
        await reaches(other, "verbatim_open_sockets", 0)


# --- projections


def standing(measured: Measured) -> dict[str, tuple[float, float]]:
    """How far behind each projection is, and how many sessions it has set aside."""
    lag, faults = "verbatim_projection_lag_positions", "verbatim_projection_faults"
    return {
        projection.name: (
            measured.value(lag, projection=projection.name),
            measured.value(faults, projection=projection.name),
        )
        for projection in PROJECTIONS
    }


async def test_how_far_projections_are_behind_and_what_they_set_aside_is_measured(
    serve: Serve, new_conninfo: str
) -> None:
    service = await serve("Hello.", **SETTINGS)
    await service.start_session()
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("Hello"))
        await socket.receive_until("complete")
    ((head,),) = execute(new_conninfo, "SELECT max(notification_id) FROM stored_events")
    assert standing(await measured(service)) == dict.fromkeys(standing(Measured("# EOF\n")), (head, 0))

    ((build,),) = execute(new_conninfo, "SELECT build FROM projections WHERE name = 'transcripts'")
    execute(new_conninfo, f"ALTER TABLE {build}.entries ADD CHECK (session_id <> '{visitor.session_id}')")
    with projecting(new_conninfo) as process:
        process.catch_up()
    now = standing(await measured(service))
    assert now.pop("transcripts") == (0, 1)
    assert set(now.values()) == {(0, 0)}

    await service.start_session()
    assert {lag for lag, _ in standing(await measured(service)).values()} == {1}


async def test_where_the_database_does_not_tell_all_else_is_told(serve: Serve, new_conninfo: str) -> None:
    service = await serve("Hello.")
    with psycopg.connect(new_conninfo) as other:
        other.execute("LOCK TABLE projections IN ACCESS EXCLUSIVE MODE")
        now = await measured(service)
    assert now.families["verbatim_projection_faults"].samples == []
    assert now.value("process_resident_memory_bytes") > 0

    assert len((await measured(service)).families["verbatim_projection_faults"].samples) == len(PROJECTIONS)
