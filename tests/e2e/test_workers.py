"""`verbatim serve --workers`: several processes on one port, which stand in for each other."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.client import SocketClient
from tests.support.service import Service, ServiceProcess, text_of
from tests.support.waiting import until

QUESTION = "What is a novated lease?"
TOKEN = "an-operator's-token"


@pytest.fixture
async def parent(new_conninfo: str, data_dir: Path, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    async with with_workers(new_conninfo, data_dir, tmp_path) as parent:
        yield parent


@asynccontextmanager
async def with_workers(
    conninfo: str, data_dir: Path, tmp_path: Path, **more: str
) -> AsyncIterator[ServiceProcess]:
    settings = {
        "DATABASE_URL": conninfo,
        "VERBATIM_OPERATOR_TOKEN": TOKEN,
        "VERBATIM_DATA_DIR": str(data_dir),
        "VERBATIM_WORDS_PER_SECOND": "100",
        "VERBATIM_CHUNK_WINDOW_MS": "20",
        **more,
    }
    process = ServiceProcess(settings, tmp_path / "log", "--workers", "2")
    yield process
    for child in children(process):
        child.kill()
    await process.kill()


def children(parent: ServiceProcess) -> list[psutil.Process]:
    assert parent.process is not None
    try:
        return psutil.Process(parent.process.pid).children()
    except psutil.NoSuchProcess:
        return []


def workers(parent: ServiceProcess) -> list[psutil.Process]:
    """Those that serve: beside them is one that drives the projections."""
    return [child for child in children(parent) if "--siblings" in child.cmdline()]


async def test_all_workers_serve_and_tell_of_what_happens_at_the_others(parent: ServiceProcess) -> None:
    service = await parent.start()
    visitor = await service.start_session()

    async with visitor.socket() as one, visitor.socket() as other:
        await one.send(visitor.message(QUESTION))
        here, there = await one.receive_until("complete"), await other.receive_until("complete")

    assert len(workers(parent)) == 2
    assert here == there
    assert text_of(here) == here[-1]["message"]


async def test_whichever_worker_is_asked_tells_what_all_of_them_measure(parent: ServiceProcess) -> None:
    service = await parent.start()
    visitor = await service.start_session()

    async with AsyncExitStack() as sockets, service.http() as http:
        for _ in range(6):
            await sockets.enter_async_context(visitor.socket())
        for _ in range(4):
            answer = await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            found = {
                sample.labels["worker"]: sample.value
                for family in text_string_to_metric_families(answer.text)
                for sample in family.samples
                if sample.name == "verbatim_open_sockets"
            }
            assert set(found) == {"0", "1"}
            assert sum(found.values()) == 6
        assert (await http.get("/metrics")).status_code == 401


async def test_a_worker_that_is_killed_is_replaced_and_nobody_loses_anything(parent: ServiceProcess) -> None:
    service = await parent.start()
    clients = [await client_of(service) for _ in range(4)]
    before = {worker.pid for worker in workers(parent)}
    saying = [asyncio.create_task(client.say(QUESTION)) for client in clients]
    await until(lambda: all(said.texts[-1] for c in clients for said in c.said.values()), "words to come")

    workers(parent)[0].kill()

    async with asyncio.timeout(20):
        answers = {(await said).whole for said in saying}
    assert len(answers) == 1
    await until(lambda: len({worker.pid for worker in workers(parent)} - before) == 1, "a new worker")
    for client in clients:
        await client.close()


async def client_of(service: Service) -> SocketClient:
    visitor = await service.start_session()
    return SocketClient(lambda: [service], visitor.session_id, visitor.visitor_id)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_all_stop_when_they_are_told_to(parent: ServiceProcess, how: signal.Signals) -> None:
    await parent.start()
    left = children(parent)
    assert parent.process is not None

    parent.process.send_signal(how)

    assert await asyncio.to_thread(parent.process.wait, 20) == 0
    assert not any(child.is_running() for child in left)
    for trace in ("ERROR", "Traceback"):
        assert trace not in parent.output


async def test_while_workers_stop_nobody_new_is_kept_waiting_and_a_second_ctrl_c_ends_it(
    new_conninfo: str, data_dir: Path, tmp_path: Path
) -> None:
    slow = {"VERBATIM_WORDS_PER_SECOND": "1", "VERBATIM_GRACE_SECONDS": "60"}
    async with with_workers(new_conninfo, data_dir, tmp_path, **slow) as parent:
        service = await parent.start()
        visitor = await service.start_session()
        async with visitor.socket() as socket:
            await socket.send(visitor.message(QUESTION))
            await socket.receive_until("chunk")
            assert parent.process is not None

            parent.process.send_signal(signal.SIGINT)
            await until(lambda: is_refused(service), "who connects to be sent to another node")
            assert (await socket.receive())["type"] == "chunk", "what is being said is said"
            parent.process.send_signal(signal.SIGINT)

            assert await asyncio.to_thread(parent.process.wait, 20) == 0


async def is_refused(service: Service) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


@pytest.mark.parametrize("count", [1, 3])
async def test_a_start_is_broken_off_when_that_is_asked_for(parent: ServiceProcess, count: int) -> None:
    """However many processes have been begun."""
    starting = asyncio.create_task(parent.start())
    await until(lambda: parent.process is not None and len(children(parent)) >= count, "children to be begun")
    assert parent.process is not None
    left = children(parent)

    parent.process.terminate()

    assert await asyncio.to_thread(parent.process.wait, 20) == 0
    await asyncio.gather(starting, return_exceptions=True)
    await until(lambda: not any(child.is_running() for child in left), "the others to be gone")
    for trace in ("ERROR", "Traceback"):
        assert trace not in parent.output


async def test_a_worker_that_is_just_being_begun_is_told_to_stop_as_well(parent: ServiceProcess) -> None:
    await parent.start()
    assert parent.process is not None
    of_parent = Path(f"/proc/{parent.process.pid}/task/{parent.process.pid}/children")
    before = set(of_parent.read_text().split())
    workers(parent)[0].kill()
    while set(of_parent.read_text().split()) <= before:
        pass  # at once: within a millisecond it will be known

    parent.process.terminate()

    assert await asyncio.to_thread(parent.process.wait, 20) == 0


async def test_no_process_outlives_the_one_who_started_it(parent: ServiceProcess) -> None:
    await parent.start()
    left = children(parent)

    await parent.kill()

    assert len(left) == 3
    await until(lambda: not any(child.is_running() for child in left), "the others to be gone")
