"""Sessions driven at random through several processes on one log, against a model that fits on a page."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec import Struct

from domain import session as decide
from domain.errors import ChatError, Conflict, MessageConflict, ReplyClosed
from domain.events import (
    Event,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from domain.session import ChatSession, Findings
from infrastructure.event_store import SessionStore
from tests.support.chain import fault_in
from tests.support.history import fold
from tests.support.stores import Stores
from tests.support.waiting import until

T = TypeVar("T")
Decision = Callable[[ChatSession], list[Event]]
REFUSALS = (ChatError, ReplyClosed)

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PROCESSES = 2


class Command(Struct, frozen=True):
    """What somebody asks of a session, through one of the processes."""

    process: int
    kind: str
    text: str = ""
    name: str | None = None


class Tracked:
    """A session, as whoever acts on it remembers it, and as its followers were told of it."""

    def __init__(self, session: ChatSession, first: Event) -> None:
        self.session_id = session.session_id
        self.visitor_id = session.visitor_id
        self.acknowledged: list[list[Event]] = [[first]]
        self.unanswered: list[list[Event]] = []
        self.names: dict[str, str] = {}
        self.told: list[list[Recorded]] = [[] for _ in range(PROCESSES)]
        self.followers: list[asyncio.Task[None]] = []


class Expected:
    """What a session must have come to, from its events: the model."""

    def __init__(self, events: list[Event]) -> None:
        self.waiting: list[UUID] = []
        self.asked: UUID | None = None
        self.open_reply: UUID | None = None
        self.ended: str | None = None
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        assert self.ended is None, "nothing happens after the end"
        match event:
            case VisitorMessagePosted(message_id=message_id):
                self.waiting.append(message_id)
            case ReplyStarted(response_id=response_id):
                assert self.open_reply is None
                self.open_reply, self.asked = response_id, self.waiting.pop(0)
                assert event.message_id == self.asked
            case ReplyCompleted() | ReplyStopped() | ReplyFailed():
                assert event.response_id == self.open_reply
                self.open_reply = None
                if isinstance(event, ReplyFailed) and event.again:
                    assert self.asked
                    self.waiting.insert(0, self.asked)
            case SessionEnded(reason=reason):
                assert self.open_reply is None
                self.ended, self.waiting = reason, []
            case _:
                pass


processes = st.integers(0, PROCESSES - 1)
TEXTS = {sha256(text.encode()).digest(): text for text in "ab"}
names = st.sampled_from([None, "m1", "m2", "m3"])
commands = st.one_of(
    st.builds(Command, processes, st.just("post"), st.sampled_from([*TEXTS.values()]), names),
    st.builds(Command, processes, st.sampled_from(["begin", "say", "say", "complete", "fail"])),
    st.builds(Command, processes, st.sampled_from(["begin", "say", "stop", "give up"])),
)
endings = st.builds(Command, processes, st.sampled_from(["delete", "complete and end"]))


class Sessions(RuleBasedStateMachine):
    """Two processes, on a log in memory or in the database with this conninfo."""

    def __init__(self, conninfo: str = "") -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stores = Stores(conninfo)
        self.numbers = count(1)
        self.sessions: list[Tracked] = []
        self.processes: list[SessionStore] = []

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def pick(self, data: st.DataObject) -> Tracked:
        return data.draw(st.sampled_from(self.sessions))

    # --- what can happen

    @initialize()
    def open(self) -> None:
        self.processes = [self.run(self.stores.open()) for _ in range(PROCESSES)]
        self.start(0)

    @rule(process=processes)
    def start(self, process: int) -> None:
        if len(self.sessions) < 4:
            self.run(self._start(self.processes[process]))

    @rule(data=st.data(), command=commands)
    def act(self, data: st.DataObject, command: Command) -> None:
        self.run(self._act(self.pick(data), command))

    @rule(data=st.data(), together=st.lists(commands, min_size=2, max_size=6))
    def act_together(self, data: st.DataObject, together: list[Command]) -> None:
        session = self.pick(data)

        async def act() -> None:
            await asyncio.gather(*(self._act(session, command) for command in together))

        self.run(act())

    @rule(data=st.data(), command=commands, steps=st.integers(0, 3))
    def act_and_leave(self, data: st.DataObject, command: Command, steps: int) -> None:
        self.run(self._act_and_leave(self.pick(data), command, steps))

    @rule(data=st.data(), ending=endings)
    def end(self, data: st.DataObject, ending: Command) -> None:
        if len(self.sessions) > 1:
            self.run(self._act(self.pick(data), ending))

    @rule(process=processes)
    def restart(self, process: int) -> None:
        """A process forgets all it knew. Its followers come back, and go on from what they were told last."""
        self.run(self._restart(process))

    # --- what must hold

    @invariant()
    def every_session_is_as_it_should_be(self) -> None:
        for session in self.sessions:
            self.run(self._require_sound(session))

    def teardown(self) -> None:
        followers = [follower for session in self.sessions for follower in session.followers]

        async def close() -> None:
            for follower in followers:
                follower.cancel()
            await asyncio.gather(*followers, return_exceptions=True)
            await self.stores.close()

        self.run(close())
        self.runner.close()

    # --- doing

    async def _start(self, store: SessionStore) -> None:
        started = SessionStarted(uuid4(), AT + timedelta(hours=1))
        session = Tracked(await store.append(uuid4(), 0, [started], AT), started)
        session.followers = [
            asyncio.create_task(_follow(store, session.session_id, told))
            for store, told in zip(self.processes, session.told, strict=True)
        ]
        self.sessions.append(session)

    async def _act(self, tracked: Tracked, command: Command) -> None:
        process = self.processes[command.process]
        try:
            events = await _decide(process, tracked.session_id, self._decision(command))
        except MessageConflict:
            assert command.name
            assert tracked.names[command.name] != command.text
            return
        except REFUSALS:
            return
        if events:
            tracked.acknowledged.append(events)
        if command.kind == "post" and command.name:
            assert tracked.names.setdefault(command.name, command.text) == command.text

    async def _act_and_leave(self, tracked: Tracked, command: Command, steps: int) -> None:
        appended: list[list[Event]] = []
        decision = self._decision(command)

        def remembered(session: ChatSession) -> list[Event]:
            appended.append(decision(session))
            return appended[-1]

        acting = asyncio.create_task(_decide(self.processes[command.process], tracked.session_id, remembered))
        for _ in range(steps):
            await asyncio.sleep(0)
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        tracked.unanswered += [events for events in appended if events]
        # The log takes commands in order: once this one is recorded, the one before is settled.
        process = self.processes[command.process]
        await process.append(uuid4(), 0, [SessionStarted(uuid4(), AT)], AT)
        if command.kind == "post" and command.name:
            latest = await process.refresh(tracked.session_id)
            if latest and command.name in latest.posted:
                tracked.names.setdefault(command.name, TEXTS[latest.posted[command.name].text_hash])

    def _decision(self, command: Command) -> Decision:
        number = next(self.numbers)
        match command.kind:
            case "post":
                return lambda session: decide.post(
                    session,
                    text=command.text,
                    max_chars=10,
                    per_minute=1000,
                    per_session=10_000,
                    message_id=UUID(int=number),
                    client_message_id=command.name,
                    now=AT,
                )
            case "begin":
                return lambda session: decide.begin_reply(session, UUID(int=number), "scripted", "node")
            case "say":
                words = [f"{number} ", "more"]
                return lambda session: decide.record_words(session, _open(session), words, [0, 1])
            case "complete" | "complete and end":
                findings = Findings(ends_session=command.kind == "complete and end")
                return lambda session: decide.complete_reply(session, _open(session), findings)
            case "fail":
                return lambda session: decide.fail_reply(session, _open(session), "timeout", Findings())
            case "give up":
                return decide.give_up_interrupted
            case "stop":
                return decide.stop_reply
            case _:
                return lambda session: decide.end(session, SessionEnded("deleted"))

    async def _restart(self, process: int) -> None:
        self.processes[process] = self.stores.reopen(process)
        for session in self.sessions:
            session.followers[process].cancel()
            await asyncio.gather(session.followers[process], return_exceptions=True)
            session.followers[process] = asyncio.create_task(
                _follow(self.processes[process], session.session_id, session.told[process])
            )

    # --- checking

    async def _require_sound(self, tracked: Tracked) -> None:
        session_id = tracked.session_id
        assert (
            fault_in(await self.stores.rows(session_id), await self.stores.cipher(tracked.visitor_id)) == ""
        )

        read = await self.processes[0].read(session_id)
        events = [one.event for one in read]
        folded = fold(session_id, [(one.event, one.at) for one in read])
        for process, told in zip(self.processes, tracked.told, strict=True):
            assert await process.refresh(session_id) == folded
            assert await process.load(session_id) == folded
            await until(lambda: len(told) >= folded.version, "the follower to be told of all")  # noqa: B023
            assert [(one.event, one.session, one.at) for one in told] == [
                (one.event, one.session, one.at) for one in read
            ]

        self._require_all_once(tracked, events)
        expected = Expected(events)
        assert [question.message_id for question in folded.waiting] == expected.waiting
        assert (folded.open_reply.response_id if folded.open_reply else None) == expected.open_reply
        assert folded.ended == expected.ended

    def _require_all_once(self, tracked: Tracked, events: list[Event]) -> None:
        """All that was acknowledged stands, whole and once; beside it only what nobody waited for."""
        places = {_identity(event): place for place, event in enumerate(events)}
        assert len(places) == len(events), "no event stands twice"
        covered: set[int] = set()
        for group in tracked.acknowledged:
            first = places[_identity(group[0])]
            assert events[first : first + len(group)] == group
            covered.update(range(first, first + len(group)))
        maybe = Counter(_identity(event) for group in tracked.unanswered for event in group)
        assert all(_identity(event) in maybe for place, event in enumerate(events) if place not in covered)
        posted = [event for event in events if isinstance(event, VisitorMessagePosted)]
        named = [(event.client_message_id, event.text) for event in posted if event.client_message_id]
        assert len(dict(named)) == len(named), "one message a name"
        assert dict(named).items() >= tracked.names.items()


async def _decide(store: SessionStore, session_id: UUID, decision: Decision) -> list[Event]:
    """Decide on the latest state, again and again until nobody else was first; what was recorded."""
    session = await store.load(session_id)
    while True:
        assert session is not None
        try:
            events = decision(session)
        except REFUSALS:
            events = []
        if events:
            try:
                await store.append(session_id, session.version, events, AT)
            except Conflict:
                session = await store.load(session_id)
                continue
            return events
        latest = await store.refresh(session_id)
        assert latest is not None
        if latest.version == session.version:
            return decision(latest)
        session = latest


async def _follow(store: SessionStore, session_id: UUID, told: list[Recorded]) -> None:
    async for batch in store.follow(session_id, told[-1].version if told else 0):
        told.extend(batch)


def _open(session: ChatSession) -> UUID:
    return session.open_reply.response_id if session.open_reply else UUID(int=0)


def _identity(event: Event) -> tuple[object, ...]:
    """What no two events of these sessions share."""
    match event:
        case VisitorMessagePosted(message_id=message_id):
            return (event.topic, message_id)
        case ReplyStarted() | ReplyCompleted() | ReplyStopped() | ReplyFailed():
            return (event.topic, event.response_id)
        case _:
            return (event.topic, repr(event))


def dose(examples: int, steps: int) -> settings:
    return settings(max_examples=examples, stateful_step_count=steps, deadline=None)


@pytest.mark.dosed
def test_any_sequence_of_commands_leaves_sessions_sound(full_dose: bool) -> None:
    run_state_machine_as_test(Sessions, settings=dose(1000 if full_dose else 40, 30))


@pytest.mark.dosed
def test_any_sequence_of_commands_leaves_sessions_in_postgres_sound(conninfo: str, full_dose: bool) -> None:
    class SessionsInPostgres(Sessions):
        def __init__(self) -> None:
            super().__init__(conninfo)

    run_state_machine_as_test(SessionsInPostgres, settings=dose(100 if full_dose else 6, 20))
