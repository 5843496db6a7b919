"""The clock that a process goes by: the database's, whatever its own machine says."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from infrastructure.clock import SystemClock
from infrastructure.postgres import Database

NEAR = timedelta(seconds=0.5)


@pytest.fixture
async def database(conninfo: str) -> AsyncIterator[Database]:
    database = Database(conninfo, max_connections=1)
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(seconds=-20), timedelta(0)])
async def test_a_process_whose_machine_is_wrong_about_the_time_goes_by_the_database(
    database: Database, wrong: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SystemClock(lambda: datetime.now(UTC) + wrong)

    for _ in range(2):
        await clock.compare(database)

    assert abs(clock.now() - datetime.now(UTC)) < NEAR
    assert clock.now().microsecond % 1000 == 0
    said = [record.getMessage() for record in caplog.records]
    seconds = f"{wrong.total_seconds():+.1f}"
    assert said == (
        [f"this machine's clock is {seconds} s off the database's, which is gone by"] if wrong else []
    )


async def test_a_clock_that_was_never_compared_goes_by_an_answer_that_took_long(database: Database) -> None:
    looks = count()
    clock = SystemClock(lambda: datetime.now(UTC) + timedelta(hours=1, seconds=2 * next(looks)))

    await clock.compare(database)

    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=10)


async def test_two_processes_agree_about_the_time(database: Database) -> None:
    fast, slow = [
        SystemClock(lambda wrong=wrong: datetime.now(UTC) + wrong) for wrong in (NEAR * 20, -NEAR * 20)
    ]

    for clock in (fast, slow):
        await clock.compare(database)

    assert abs(fast.now() - slow.now()) < NEAR


async def test_a_clock_that_was_fast_for_a_moment_stands_still_and_goes_back_to_no_time_before(
    database: Database,
) -> None:
    clock = SystemClock(lambda: datetime.now(UTC) + timedelta(milliseconds=300))
    before = clock.now()

    await clock.compare(database)

    assert before <= clock.now() <= before + NEAR
    assert clock.now() - datetime.now(UTC) < NEAR


async def test_a_clock_that_was_an_hour_fast_is_set_back(database: Database) -> None:
    clock = SystemClock(lambda: datetime.now(UTC) + timedelta(hours=1))
    clock.now()

    await clock.compare(database)

    assert abs(clock.now() - datetime.now(UTC)) < NEAR
