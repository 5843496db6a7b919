"""Projections that are hard to please, what is said to them, and what they show."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from domain.events import VisitorMessagePosted
from domain.ports import Recorded
from infrastructure.event_store import SessionStore
from projections.projection import Change, Projection, Write
from tests.support.postgres import execute
from tests.support.projecting import Projecting
from tests.support.stories import story


def picky(version: int = 1, hates: str = "poison") -> Projection:
    """A projection of messages whose function fails at one text, and whose table refuses another."""

    def project(recorded: Recorded) -> Iterator[Change]:
        event = recorded.event
        assert isinstance(event, VisitorMessagePosted)
        if event.text == hates:
            raise KeyError(event.text)
        yield Change("said", (recorded.session.session_id, recorded.version, event.text))

    return Projection(
        name="picky",
        version=version,
        tables={
            "said": "CREATE TABLE said (session_id uuid, version int, text text CHECK (text <> 'refused'))"
        },
        writes={
            "said": Write(
                "INSERT INTO said SELECT * FROM {rows}",
                {"session_id": "uuid", "version": "int", "text": "text"},
                key=2,
            )
        },
        events=frozenset({VisitorMessagePosted}),
        project=project,
    )


def said_table(column: str) -> dict[str, str]:
    return {"said": f"CREATE TABLE said (session_id uuid, version int, {column} text)"}


def choosy(version: int) -> Projection:
    """The same under another name."""
    return replace(picky(version), name="choosy", tables=said_table("text"))


def no_views(_: Any) -> Sequence[str]:
    return ()


def shown(live: Any) -> Sequence[str]:
    return [f"CREATE OR REPLACE VIEW said AS SELECT text FROM {live['picky']}.said"]


def read(conninfo: str) -> Sequence[Any]:
    return execute(conninfo, "SELECT text FROM said")


async def chats(store: SessionStore, *texts: str, seed: int = 1) -> Sequence[UUID]:
    """Sessions in each of which two things are said: one of these, and then something harmless."""
    random = Random(seed)
    found = []
    for text in texts:
        begun = story(random, 0)
        (started, at), *_ = begun.steps
        said = [VisitorMessagePosted(UUID(int=number), each) for number, each in enumerate((text, "fine"))]
        await store.append(begun.session_id, 0, [*started, *said], at)
        found.append(begun.session_id)
    return found


def said(process: Projecting) -> Sequence[str]:
    return sorted(text for _, _, text in process.tables()["picky.said"])


def faults(conninfo: str) -> Sequence[Any]:
    return execute(
        conninfo, "SELECT session_id, version, error FROM projection_faults ORDER BY position, build"
    )
