"""Replay, with time in hand: when each frame is sent again, and how it becomes live."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from api.frames import Chunk, FromLog
from api.replay import Replay, parse_speed
from domain.errors import InvalidRequest, SessionErased, SessionNotFound
from domain.events import (
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionEnded,
    SessionStarted,
    VisitorErased,
    VisitorMessagePosted,
)
from infrastructure.event_store import SessionStore
from tests.support.history import MESSAGE, RESPONSE, SESSION, VISITOR
from tests.support.stores import Stores
from tests.support.time_by_hand import START, TimeByHand

HOUR = 3600.0

CONVERSATION: Sequence[tuple[float, Event]] = (
    (0.0, SessionStarted(VISITOR, START + timedelta(days=1))),
    (5.0, VisitorMessagePosted(MESSAGE, "What is a novated lease?")),
    (5.0, ReplyStarted(RESPONSE, MESSAGE, "guide")),
    (5.5, ReplyChunksRecorded((500,), ("A ",))),
    (5.9, ReplyChunksRecorded((600, 50, 250), ("novated ", "lease ", "is "))),
    (6.1, ReplyChunksRecorded((1000,), ("it.",))),
    (6.2, ReplyCompleted(RESPONSE, "hash")),
    (6.2 + HOUR, SessionEnded("deleted")),
)
"""When, in seconds since the start, what was recorded."""

FRAMES = ["message", "A ", "novated ", "lease ", "is ", "it.", "complete", "session_end"]
TIMES = [5.0, 5.5, 5.6, 5.65, 5.9, 6.0, 6.2, 6.2 + HOUR]
"""A word belongs to the moment at which it was said, not to that of its batch."""


@pytest.fixture
async def time() -> TimeByHand:
    return TimeByHand()


@pytest.fixture
async def store() -> SessionStore:
    return await Stores().open()


async def record(store: SessionStore, *recorded: tuple[float, Event]) -> None:
    """Record each of these as if it were that late."""
    for seconds, event in recorded:
        session = await store.refresh(SESSION)
        at = START + timedelta(seconds=seconds)
        await store.append(SESSION, session.version if session else 0, [event], at)


class Viewer:
    """Watches a replay, and notes when it saw what."""

    def __init__(self, replay: Replay, time: TimeByHand) -> None:
        self.replay = replay
        self.frames: list[FromLog] = []
        self.times: list[float] = []
        self._time = time
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async for frames in self.replay.frames():
            self.frames += frames
            self.times += [round(self._time.elapsed, 3)] * len(frames)

    @property
    def seen(self) -> list[str]:
        return [
            frame.chunk if isinstance(frame, Chunk) else str(frame.__struct_config__.tag)
            for frame in self.frames
        ]

    @property
    def is_done(self) -> bool:
        return self._watching.done()

    @property
    def failure(self) -> BaseException | None:
        return self._watching.exception() if self.is_done else None

    async def leave(self) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)


async def watched(
    store: SessionStore, time: TimeByHand, speed: str = "1", after: str | None = None, *, follow: bool = True
) -> Viewer:
    viewer = Viewer(await Replay.begin(store, SESSION, after, speed, follow=follow), time)
    await time.pass_by()
    return viewer


async def play(time: TimeByHand, seconds: float, step: float) -> None:
    """Let time pass in steps so small that nothing comes late."""
    for _ in range(round(seconds / step)):
        await time.pass_by(step)


# --- rhythm


async def test_frames_come_as_far_apart_as_they_did(store: SessionStore, time: TimeByHand) -> None:
    await record(store, *CONVERSATION)
    viewer = await watched(store, time)

    await play(time, 2, 0.05)
    assert viewer.seen == FRAMES[:-1]
    assert viewer.times == pytest.approx([then - TIMES[0] for then in TIMES[:-1]], abs=0.06)
    assert not viewer.is_done, "an hour's silence is an hour"
    await time.pass_by(HOUR - 5)
    assert len(viewer.seen) == len(FRAMES) - 1
    await time.pass_by(5)
    assert viewer.seen == FRAMES
    assert viewer.is_done
    assert viewer.failure is None
    assert viewer.replay.is_over


@pytest.mark.parametrize("speed", ["0.5", "2", "10"])
async def test_at_a_factor_all_of_it_is_faster_or_slower(
    store: SessionStore, time: TimeByHand, speed: str
) -> None:
    await record(store, *CONVERSATION[:-1])
    viewer = await watched(store, time, speed)

    await play(time, 2 / float(speed), 0.05 / float(speed))

    expected = [(then - TIMES[0]) / float(speed) for then in TIMES[:-1]]
    assert viewer.times == pytest.approx(expected, abs=0.06 / float(speed))
    await viewer.leave()


async def test_at_once_nothing_is_waited_for(store: SessionStore, time: TimeByHand) -> None:
    await record(store, *CONVERSATION)

    viewer = await watched(store, time, "max")

    assert (viewer.seen, set(viewer.times), viewer.is_done) == (FRAMES, {0.0}, True)


async def test_from_a_cursor_on_the_rhythm_is_the_same(store: SessionStore, time: TimeByHand) -> None:
    await record(store, *CONVERSATION[:-1])
    viewer = await watched(store, time, after="5.10")

    await play(time, 1, 0.05)

    assert viewer.seen == FRAMES[3:-1]
    assert viewer.times == pytest.approx([then - TIMES[3] for then in TIMES[3:-1]], abs=0.06)
    await viewer.leave()


async def test_a_reader_who_is_slow_gets_what_is_overdue_at_once(
    store: SessionStore, time: TimeByHand
) -> None:
    await record(store, *CONVERSATION)
    batches = (await Replay.begin(store, SESSION, None, "1")).frames()
    await anext(batches)

    await time.pass_by(2 * HOUR)

    assert len([frame async for frames in batches for frame in frames]) == len(FRAMES) - 1


async def test_a_silence_can_be_left_at_once(store: SessionStore, time: TimeByHand) -> None:
    await record(store, *CONVERSATION)
    viewer = await watched(store, time, "0.000001")

    await viewer.leave()

    assert viewer.seen == FRAMES[:1]
    assert not store._tails, "and nobody follows any more"


async def test_every_frame_says_that_it_is_a_replay(store: SessionStore, time: TimeByHand) -> None:
    await record(store, *CONVERSATION)

    viewer = await watched(store, time, "max")

    assert all(frame.metadata.replay for frame in viewer.frames)


# --- live


async def test_at_the_end_of_the_log_it_goes_on_live(store: SessionStore, time: TimeByHand) -> None:
    await record(store, *CONVERSATION[:4])
    viewer = await watched(store, time)
    await play(time, 1, 0.1)
    assert viewer.seen == FRAMES[:2]

    # Half a minute later, by whatever clock: nobody must wait for half a minute now.
    await play(time, 29, 1)
    await record(store, (40.0, ReplyChunksRecorded((35_000, 200), ("novated ", "lease."))))
    await time.pass_by()
    assert viewer.seen == [*FRAMES[:2], "novated "], "at once"
    await play(time, 0.3, 0.1)
    assert viewer.seen[-1] == "lease.", "with its own delay"
    await record(store, (40.3, ReplyCompleted(RESPONSE, "hash")), (99.0, SessionEnded("deleted")))
    await time.pass_by()
    assert viewer.seen[-1] == "complete"
    await play(time, 59, 1)
    assert viewer.seen[-1] == "session_end"
    assert viewer.is_done


async def test_what_is_recorded_during_a_replay_keeps_its_distance(
    store: SessionStore, time: TimeByHand
) -> None:
    await record(store, *CONVERSATION[:4])
    viewer = await watched(store, time, "0.1")
    await record(store, *CONVERSATION[4:7])

    await play(time, 12, 0.5)

    assert viewer.times == pytest.approx([(then - TIMES[0]) * 10 for then in TIMES[:-1]], abs=0.6)
    await viewer.leave()


async def test_unless_it_is_followed_a_session_is_over_at_the_end_of_the_log(
    store: SessionStore, time: TimeByHand
) -> None:
    await record(store, *CONVERSATION[:4])

    viewer = await watched(store, time, "max", follow=False)

    assert (viewer.seen, viewer.is_done, viewer.replay.is_over) == (FRAMES[:2], True, True)


@pytest.mark.parametrize("after", ["8.0", "8"])
async def test_after_the_end_of_a_session_there_is_nothing_to_wait_for(
    store: SessionStore, time: TimeByHand, after: str
) -> None:
    await record(store, *CONVERSATION)

    viewer = await watched(store, time, after=after)

    assert (viewer.seen, viewer.is_done, viewer.failure) == ([], True, None)


async def test_a_process_that_stops_ends_it_for_another_to_go_on(
    store: SessionStore, time: TimeByHand
) -> None:
    await record(store, *CONVERSATION[:4])
    viewer = await watched(store, time, "max")

    store.hang_up()
    await time.pass_by()

    assert viewer.is_done
    assert not viewer.replay.is_over


# --- what there is none of


async def test_a_visitor_who_is_erased_is_replayed_no_further(store: SessionStore, time: TimeByHand) -> None:
    await record(store, *CONVERSATION)
    viewer = await watched(store, time)

    await record(store, (9000.0, VisitorErased()))
    await time.pass_by()

    assert viewer.seen == FRAMES[:1], "in the middle of a silence"
    assert isinstance(viewer.failure, SessionErased)
    with pytest.raises(SessionErased):
        await Replay.begin(store, SESSION, None, "1")


async def test_whoever_follows_is_told_that_the_visitor_was_erased(
    store: SessionStore, time: TimeByHand
) -> None:
    await record(store, *CONVERSATION[:3])
    viewer = await watched(store, time, "max")

    await record(store, (90.0, VisitorErased()))
    await time.pass_by()

    assert isinstance(viewer.failure, SessionErased)


async def test_a_session_that_there_isnt_has_no_replay(store: SessionStore) -> None:
    with pytest.raises(SessionNotFound):
        await Replay.begin(store, SESSION, None, "1")


@pytest.mark.parametrize("after", ["9.0", "99", "nonsense", "", "-1", "1.2.3", "٣"])
async def test_a_cursor_that_leads_nowhere_is_refused(store: SessionStore, after: str) -> None:
    await record(store, *CONVERSATION)

    with pytest.raises(InvalidRequest, match="after "):
        await Replay.begin(store, SESSION, after, "1")


@pytest.mark.parametrize("speed", ["1", "2.5", "0.1", "0.50", "10", "999999.999999", "0.000001", "max"])
def test_a_speed_is_any_factor_above_zero_or_at_once(speed: str) -> None:
    assert parse_speed(speed) == float(speed.replace("max", "inf"))


@pytest.mark.parametrize(
    "speed",
    ["0", "0.0", "0.000", "-1", "", " 1", "1 ", "nan", "inf", "1e3", "1_0", "MAX", "fast", "1,5", "٣", "1\n"],
)
def test_any_other_speed_is_refused_by_name(speed: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_speed(speed)

    assert str(refused.value) == (
        "speed must be a factor from 0.000001 to 999999.999999 with six decimals at most, "
        f"such as 1 or 2.5, or max for at once, not {speed!r}"
    )
