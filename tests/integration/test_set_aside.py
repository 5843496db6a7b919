"""What a projection can't digest is set aside, and holds up nothing else."""

import pytest

from projections.sessions import SESSIONS
from projections.transcripts import TRANSCRIPTS
from tests.support.picky import chats, faults, no_views, picky, said
from tests.support.postgres import execute
from tests.support.projecting import projecting
from tests.support.stores import Stores


@pytest.mark.parametrize(("text", "error"), [("poison", "KeyError"), ("refused", "CheckViolation (23514)")])
async def test_an_event_that_can_t_be_digested_is_set_aside_and_the_others_go_on(
    stores: Stores, text: str, error: str
) -> None:
    _, sick, _ = await chats(await stores.open(), "one", text, "two")

    with projecting(stores.conninfo, (SESSIONS, picky()), show=no_views) as process:
        process.catch_up()

        assert said(process) == ["fine", "fine", "one", "two"], "nothing more of that session"
        assert len(process.tables()["sessions.sessions"]) == 3, "other projections have it"
    assert faults(stores.conninfo) == [(sick, 2, error)]


async def test_a_text_that_is_too_much_for_an_index_of_words_is_set_aside_and_the_others_go_on(
    stores: Stores,
) -> None:
    """The server's error is of the kind that else says that it can't be reached."""
    endless = " ".join(f"w{number:x}" for number in range(150_000))
    _, sick, _ = await chats(await stores.open(), "one", endless, "two")

    with projecting(stores.conninfo, (SESSIONS, TRANSCRIPTS), show=no_views) as process:
        process.catch_up()

        texts = [row[4] for row in process.tables()["transcripts.entries"]]
    assert sorted(texts) == ["fine", "fine", "one", "two"]
    assert faults(stores.conninfo) == [(sick, 2, "ProgramLimitExceeded (54000)")]


async def test_what_was_set_aside_is_taken_in_again_on_demand(stores: Stores) -> None:
    await chats(await stores.open(), "one", "poison")
    with projecting(stores.conninfo, (picky(),), show=no_views) as process:
        process.catch_up()

    with projecting(stores.conninfo, (picky(hates="nothing any more"),), show=no_views) as mended:
        mended.catch_up()
        assert len(faults(stores.conninfo)) == 1, "nobody has asked yet"
        execute(stores.conninfo, "UPDATE projection_faults SET retry = true")
        mended.catch_up()

        assert said(mended) == ["fine", "fine", "one", "poison"]
        assert faults(stores.conninfo) == []


async def test_what_still_can_t_be_digested_is_set_aside_again(stores: Stores) -> None:
    await chats(await stores.open(), "poison")
    with projecting(stores.conninfo, (picky(),), show=no_views) as process:
        process.catch_up()
        execute(stores.conninfo, "UPDATE projection_faults SET retry = true")
        process.catch_up()

        assert [error for _, _, error in faults(stores.conninfo)] == ["KeyError"]
        assert execute(stores.conninfo, "SELECT retry FROM projection_faults") == [(False,)]


async def test_a_log_that_can_t_be_read_at_one_place_is_read_everywhere_else(stores: Stores) -> None:
    _, broken = await chats(await stores.open(), "one", "two")
    execute(
        stores.conninfo,
        "UPDATE stored_events SET state = '{}' WHERE originator_id = %s AND originator_version = 2",
        broken,
    )

    with projecting(stores.conninfo, (SESSIONS, picky()), show=no_views) as process:
        process.catch_up()

        assert said(process) == ["fine", "one"]
    ((one, version, error), *_) = faults(stores.conninfo)
    assert (one, version) == (broken, 2)
    assert "version 2" in error
    assert "can't be read" in error


async def test_what_follows_a_changed_event_is_set_aside_also_where_what_was_changed_is_clear(
    stores: Stores,
) -> None:
    _, changed = await chats(await stores.open(), "one", "two")
    execute(
        stores.conninfo,
        "UPDATE stored_events SET state = convert_to(regexp_replace(convert_from(state, 'UTF8'), "
        "'\"at\":[0-9]+', '\"at\":1'), 'UTF8') WHERE originator_id = %s AND originator_version = 2",
        changed,
    )

    with projecting(stores.conninfo, (SESSIONS, picky()), show=no_views) as process:
        process.catch_up()

        assert said(process) == ["fine", "one", "two"], "what was changed is known by what follows it"
    told = f"session {changed}: version 3 doesn't follow the one before it"
    assert faults(stores.conninfo) == [(changed, 3, told)] * 2


async def test_a_step_tells_whether_it_has_left_something_for_another(stores: Stores) -> None:
    await chats(await stores.open(), "one", "two")
    with projecting(stores.conninfo, (picky(),), most=5, show=no_views) as process:
        seen = [(process.runner.step(), process.runner.is_behind) for _ in range(3)]

    assert seen == [(True, True), (True, False), (False, False)]
