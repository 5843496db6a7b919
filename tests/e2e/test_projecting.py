"""The processes that drive projections: killed at any moment, and nothing is wrong afterwards."""

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import psutil
import psycopg
import pytest

from infrastructure.log_reader import HEAD
from tests.support.histories import tell
from tests.support.postgres import execute
from tests.support.projecting import projecting
from tests.support.service import ServiceProcess
from tests.support.stores import MASTER_KEY, Stores
from tests.support.stories import story
from tests.support.waiting import until

QUESTION = "What is a novated lease?"
SESSIONS = 150


@pytest.fixture
def environment(new_conninfo: str, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": new_conninfo,
        "VERBATIM_DATA_DIR": str(tmp_path / "data"),
        "VERBATIM_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
    }


class Processes:
    """Any number of `verbatim project`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._log = log
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "api.entry", "project"], env=self._environment, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        self.running.remove(process)

    @property
    def output(self) -> str:
        return self._log.read_text()


@pytest.fixture
def processes(environment: dict[str, str], tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(environment, tmp_path / "log")
    yield processes
    for process in processes.running:
        process.kill()


@pytest.fixture
async def stores(new_conninfo: str) -> AsyncIterator[Stores]:
    stores = Stores(new_conninfo)
    yield stores
    await stores.close()


async def tell_many(stores: Stores, sessions: int, seed: int = 1) -> None:
    """Record stories, many at once."""
    random = Random(seed)
    store = await stores.open()

    async def record(number: int) -> None:
        await tell(store, story(random, 40, erased=number % 10 == 0))

    await asyncio.gather(*map(record, range(sessions)))


def sessions_shown(conninfo: str) -> int:
    if not is_anything_shown(conninfo):
        return 0
    return execute(conninfo, "SELECT count(*) FROM analytics.sessions")[0][0]


def is_anything_shown(conninfo: str) -> bool:
    return execute(conninfo, "SELECT to_regclass('analytics.sessions') IS NOT NULL") == [(True,)]


def have_caught_up(conninfo: str) -> bool:
    """Whether all that is shown has taken in all that is recorded."""
    if not is_anything_shown(conninfo):
        return False
    query = """
        SELECT bool_and(notification_id = (SELECT max(notification_id) FROM stored_events))
        FROM projections JOIN notification_tracking ON application_name = build WHERE state = 'live'
    """
    return execute(conninfo, query) == [(True,)]


async def test_whichever_process_is_killed_another_goes_on(
    processes: Processes, stores: Stores, new_conninfo: str
) -> None:
    first, second = processes.start(), processes.start()
    for recorded, killed in ((5, first), (10, second), (15, None)):
        await tell_many(stores, 5, seed=recorded)
        await until(lambda: have_caught_up(new_conninfo), "all of it to be taken in", 60)
        assert sessions_shown(new_conninfo) == recorded

        if killed:
            processes.kill(killed)
            processes.start()

    for process in [*processes.running]:
        processes.kill(process)
    with projecting(new_conninfo) as here:
        shown = here.tables()
        here.rebuild()
        assert here.tables() == shown


@pytest.mark.dosed
async def test_killed_in_the_middle_of_a_rebuild_the_tables_are_the_same(
    processes: Processes, stores: Stores, new_conninfo: str, full_dose: bool
) -> None:
    await tell_many(stores, SESSIONS)
    with projecting(new_conninfo) as here:
        here.catch_up()
        before = here.tables()
        for _ in range(20 if full_dose else 2):
            for name in here.builds.projections:
                here.builds.begin(name)
            begun = [build.build for build in here.builds.all() if build.state == "building"]
            process = processes.start()
            await until(lambda begun=begun: moved(new_conninfo, begun), "the rebuild to begin", 60)
            processes.kill(process)

            process = processes.start()
            await until(lambda begun=begun: are_live(new_conninfo, begun), "the rebuild to be done", 60)
            processes.kill(process)
            assert here.tables() == before


def moved(conninfo: str, builds: list[str]) -> bool:
    query = "SELECT max(notification_id) FROM notification_tracking WHERE application_name = ANY(%s)"
    ((position,),) = execute(conninfo, query, builds)
    return position != 0


def are_live(conninfo: str, builds: list[str]) -> bool:
    query = "SELECT count(*) FROM projections WHERE build = ANY(%s) AND state = 'live'"
    return execute(conninfo, query, builds) == [(len(builds),)]


async def test_a_service_drives_them_in_a_process_that_is_replaced_when_it_dies(
    environment: dict[str, str], new_conninfo: str, tmp_path: Path
) -> None:
    process = ServiceProcess(environment, tmp_path / "log of the service")
    service = await process.start()
    await service.start_session()
    await until(lambda: sessions_shown(new_conninfo) == 1, "the session to be shown", 60)

    assert process.process is not None
    (beside,) = psutil.Process(process.process.pid).children()
    beside.kill()
    await service.start_session()

    await until(lambda: sessions_shown(new_conninfo) == 2, "the other session to be shown", 60)
    assert await process.stop() == 0


async def test_a_service_stops_also_while_the_database_keeps_its_projections_waiting(
    environment: dict[str, str], new_conninfo: str, tmp_path: Path
) -> None:
    parent = ServiceProcess({**environment, "VERBATIM_GRACE_SECONDS": "0"}, tmp_path / "log")
    await (await parent.start()).start_session()
    await until(lambda: sessions_shown(new_conninfo) == 1, "the projections to be driven", 60)
    assert parent.process is not None
    children = psutil.Process(parent.process.pid).children()

    with psycopg.connect(new_conninfo) as holder:
        holder.execute("LOCK TABLE stored_events IN ACCESS EXCLUSIVE MODE")
        await until(lambda: is_waiting_for_the_log(new_conninfo), "the projections to ask for the log", 60)

        assert await parent.stop() == 0
        assert not any(child.is_running() for child in children)


def is_waiting_for_the_log(conninfo: str) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query = %s"
    return execute(conninfo, query, HEAD) == [(1,)]
