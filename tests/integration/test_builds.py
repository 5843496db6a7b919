"""Tables of one version after another, and processes that make them side by side."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from projections import builds
from projections.projection import Projection
from tests.support.picky import chats, choosy, no_views, picky, read, said, said_table, shown
from tests.support.postgres import execute, is_waited_for
from tests.support.projecting import forget_all, projecting
from tests.support.stores import Stores
from tests.support.waiting import until

# --- two that lead


async def test_who_is_overtaken_writes_nothing_and_lets_the_other_one_go_on(stores: Stores) -> None:
    await chats(await stores.open(), "one", "two")
    with (
        projecting(stores.conninfo, (picky(),), show=no_views) as late,
        psycopg.connect(stores.conninfo) as rival,
    ):
        rival.execute("SELECT 1 FROM notification_tracking FOR UPDATE")
        stepping = asyncio.create_task(asyncio.to_thread(late.runner.step))
        pid = rival.info.backend_pid
        await until(lambda: is_waited_for(stores.conninfo, pid), "the one that comes too late")
        rival.execute("UPDATE notification_tracking SET notification_id = 3")
        rival.commit()

        assert not await stepping, "it waits until it is called again"
        assert said(late) == []


async def test_what_is_not_shown_any_more_may_be_dropped_by_two_at_once(stores: Stores) -> None:
    await chats(await stores.open(), "one")
    with (
        projecting(stores.conninfo, (picky(),), show=shown) as one,
        projecting(stores.conninfo, (picky(),), show=shown) as other,
        psycopg.connect(stores.conninfo) as reader,
    ):
        one.catch_up()
        (old,) = one.builds.all()
        reader.execute(f"SELECT FROM {old.build}.said".encode())
        one.builds.begin("picky")
        one.catch_up()
        assert {build.state for build in one.builds.all()} == {"live", "retired"}

        dropping = asyncio.gather(*(asyncio.to_thread(each.builds.drop_retired) for each in (one, other)))
        pid = reader.info.backend_pid
        await until(lambda: is_waited_for(stores.conninfo, pid), "the first of them to wait for the reader")
        reader.rollback()
        await dropping

        one.catch_up()  # a reader may have kept both waiting too long
        assert [build.state for build in one.builds.all()] == ["live"]


# --- one version after another


async def test_a_newer_version_is_built_beside_the_old_one_which_is_read_meanwhile(stores: Stores) -> None:
    await chats(await stores.open(), *("one" for _ in range(30)))

    with projecting(stores.conninfo, (picky(),), show=shown) as old:
        old.catch_up()
    seen: set[int] = set()
    is_over = threading.Event()
    reading = threading.Thread(target=read_on, args=(stores.conninfo, seen, is_over))
    reading.start()

    with projecting(stores.conninfo, (picky(version=2),), most=7, show=shown) as new:
        states = [{build.version: build.state for build in new.builds.all()}]
        while new.runner.step():
            states.append({build.version: build.state for build in new.builds.all()})
        new.catch_up()
        states.append({build.version: build.state for build in new.builds.all()})
    is_over.set()
    reading.join()

    assert states[0] == {1: "live", 2: "building"}
    assert states[-1] == {2: "live"}
    assert seen == {60}, "readers have noticed nothing"
    assert execute(
        stores.conninfo, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'said'"
    ) == [(2,)], "the view, and the table that it shows: the old one is gone"


def read_on(conninfo: str, seen: set[int], is_over: threading.Event) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while not is_over.is_set():
            row = connection.execute("SELECT count(*) FROM said").fetchone()
            assert row
            seen.add(row[0])


async def test_a_swap_waits_for_whoever_reads_for_long_and_lets_others_read(stores: Stores) -> None:
    await chats(await stores.open(), "one")

    with projecting(stores.conninfo, (picky(),), show=shown) as process:
        process.catch_up()
        with psycopg.connect(stores.conninfo) as reader:
            reader.execute("SELECT * FROM said")
            process.builds.begin("picky")
            process.catch_up()
            assert {build.state for build in process.builds.all()} == {"live", "building"}
            assert execute(stores.conninfo, "SELECT count(*) FROM said") == [(2,)]

        process.catch_up()

        assert {build.state for build in process.builds.all()} == {"live"}


async def test_a_start_waits_for_nobody_and_its_views_are_shown_once_nobody_reads_the_old_ones_for_long(
    stores: Stores,
) -> None:
    await chats(await stores.open(), "one")

    def show_loudly(live: Any) -> Sequence[str]:
        return [f"CREATE OR REPLACE VIEW said AS SELECT upper(text) AS text FROM {live['picky']}.said"]

    with projecting(stores.conninfo, (picky(),), show=shown) as old:
        old.catch_up()
    with psycopg.connect(stores.conninfo) as reader:
        reader.execute("SELECT * FROM said")
        with projecting(stores.conninfo, (picky(),), show=show_loudly) as new:
            for _ in range(2):
                new.catch_up()
            assert sorted(read(stores.conninfo)) == [("fine",), ("one",)]

            reader.rollback()
            new.catch_up()

            assert sorted(read(stores.conninfo)) == [("FINE",), ("ONE",)]


async def test_code_that_is_older_than_the_tables_leaves_them_alone(stores: Stores) -> None:
    with projecting(stores.conninfo, (picky(version=2),), show=no_views) as new:
        new.catch_up()
    await chats(await stores.open(), "one")

    with projecting(stores.conninfo, (picky(version=1),), show=no_views) as old:
        old.catch_up()

        assert [(build.version, build.position) for build in old.builds.all()] == [(2, 0)]


async def test_while_a_newer_version_is_built_the_old_code_goes_on_with_the_old_one(stores: Stores) -> None:
    store = await stores.open()
    await chats(store, "one", "one", "one")
    with projecting(stores.conninfo, (picky(version=1),), show=shown) as old:
        old.catch_up()
        with projecting(stores.conninfo, (picky(version=2),), most=5, show=shown) as new:
            new.runner.step()
            await chats(store, "two", seed=2)
            old.catch_up()

            assert len(read(stores.conninfo)) == 8, "what is read doesn't stand still"
            assert {build.version for build in new.builds.all() if build.state == "live"} == {1}

            new.catch_up()
            old.catch_up()

            assert [(build.version, build.state) for build in new.builds.all()] == [(2, "live")]
            assert len(read(stores.conninfo)) == 8
            await chats(store, "three", seed=3)
            old.catch_up()
            assert len(read(stores.conninfo)) == 8, "the old code leaves the new tables alone"


async def test_no_build_is_shown_that_tells_less_than_what_it_replaces(stores: Stores) -> None:
    await chats(await stores.open(), "one")
    with projecting(stores.conninfo, (picky(version=1),), show=shown) as old:
        old.catch_up()
        with projecting(stores.conninfo, (picky(version=2),), show=shown) as new:
            (behind,) = new.builds.ours({"picky"})

            assert not new.builds.swap_in([behind])
            assert len(read(stores.conninfo)) == 2


async def test_views_change_hands_when_all_that_they_show_is_of_the_new_code(stores: Stores) -> None:
    """The new code's views want what the old tables don't have."""
    await chats(await stores.open(), "one")

    def show(live: Any) -> Sequence[str]:
        tables = f"{live['picky']}.said JOIN {live['choosy']}.said AS other USING (session_id, version, text)"
        return [f"CREATE OR REPLACE VIEW said AS SELECT text FROM {tables}"]

    def versions(first: int, second: int) -> Sequence[Projection]:
        column = "text" if first == 2 else "of_old"
        return [replace(picky(version=first), tables=said_table(column)), choosy(second)]

    def show_old(live: Any) -> Sequence[str]:
        return [f"CREATE OR REPLACE VIEW said AS SELECT of_old AS text FROM {live['picky']}.said"]

    with projecting(stores.conninfo, versions(1, 1), show=show_old) as old:
        old.catch_up()
    with projecting(stores.conninfo, versions(2, 2), show=show) as new:
        while new.runner.step({"picky"}):
            pass
        assert execute(stores.conninfo, "SELECT text FROM said ORDER BY text") == [("fine",), ("one",)]
        assert {build.version for build in new.builds.all() if build.state == "live"} == {1}

        new.catch_up()

        assert execute(stores.conninfo, "SELECT text FROM said ORDER BY text") == [("fine",), ("one",)]
        assert {(build.version, build.state) for build in new.builds.all()} == {(2, "live")}


async def test_a_build_that_is_under_way_is_joined(stores: Stores) -> None:
    with projecting(stores.conninfo, (picky(),), show=no_views) as process:
        assert process.builds.begin("picky") == process.builds.begin("picky")

        assert [build.state for build in process.builds.all()] == ["live", "building"]


async def test_what_an_older_release_has_left_half_done_is_dropped(stores: Stores) -> None:
    with projecting(stores.conninfo, (picky(version=1),), show=no_views):
        pass
    with projecting(stores.conninfo, (picky(version=2),), show=no_views):
        pass
    with projecting(stores.conninfo, (picky(version=3),), show=no_views) as process:
        process.catch_up()

        assert [(build.version, build.state) for build in process.builds.all()] == [(3, "live")]


async def test_tables_of_another_version_that_are_being_made_stay_while_the_old_code_makes_its_own_anew(
    stores: Stores,
) -> None:
    await chats(await stores.open(), "one", "two", "three")
    with (
        projecting(stores.conninfo, (picky(version=1),), show=shown) as old,
        projecting(stores.conninfo, (picky(version=2),), most=5, show=shown) as new,
    ):
        old.catch_up()
        new.runner.step()
        (half,) = new.builds.ours({"picky"})
        old.builds.begin("picky")
        old.catch_up()

        assert [(build.version, build.state) for build in old.builds.all()] == [(2, "building"), (1, "live")]
        new.catch_up()
        assert [(build.build, build.state) for build in new.builds.all()] == [(half.build, "live")]


async def test_tables_that_were_taken_for_an_older_version_are_made_anew_by_newer_code_that_still_runs(
    stores: Stores,
) -> None:
    await chats(await stores.open(), "one")
    with (
        projecting(stores.conninfo, (picky(version=2),), show=shown) as new,
        projecting(stores.conninfo, (picky(version=1),), show=shown) as old,
    ):
        new.catch_up()
        old.builds.begin("picky")
        old.catch_up()
        assert [(build.version, build.state) for build in old.builds.all()] == [(1, "live")]

        for _ in range(2):  # it finds that there is none, and begins one
            new.catch_up()

        assert [(build.version, build.state) for build in new.builds.all()] == [(2, "live")]
        assert sorted(read(stores.conninfo)) == [("fine",), ("one",)]


async def test_what_newer_code_has_begun_is_dropped_when_nobody_has_driven_it_for_long(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await chats(await stores.open(), "one", "two", "three")
    with (
        projecting(stores.conninfo, (picky(version=1),), show=shown) as old,
        projecting(stores.conninfo, (picky(version=2),), most=5, show=shown) as new,
        psycopg.connect(stores.conninfo) as driver,
    ):
        old.catch_up()
        new.runner.step()
        begun = [(1, "live"), (2, "building")]

        old.catch_up()
        assert [(build.version, build.state) for build in old.builds.all()] == begun, "it may be restarting"
        monkeypatch.setattr(builds, "ABANDONED_SECONDS", 0)
        driver.execute("SELECT pg_advisory_xact_lock(%s)", (builds.lock_of("picky", 2),))
        old.catch_up()
        assert [(build.version, build.state) for build in old.builds.all()] == begun, "somebody drives it"
        driver.rollback()
        old.catch_up()
        assert [(build.version, build.state) for build in old.builds.all()] == [(1, "live")]

        for _ in range(2):  # it comes back, and finds that there is none
            new.catch_up()
        assert [(build.version, build.state) for build in new.builds.all()] == [(2, "live")]


async def test_code_begins_what_is_missing_of_what_it_leads_alone(stores: Stores) -> None:
    both = (picky(version=2), choosy(version=2))
    with projecting(stores.conninfo, both, show=no_views) as process:
        forget_all(stores.conninfo)

        process.runner.step({"picky"})

        assert [build.name for build in process.builds.all()] == ["picky"]
