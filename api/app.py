"""The composition root: settings -> adapters -> Litestar. Read it from top to bottom."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.plugins import InitPlugin
from litestar.stores.memory import MemoryStore
from prometheus_client import CollectorRegistry, ProcessCollector

from api.analytics import Analytics
from api.audit import Audit
from api.collector import calm_collector
from api.cross_origin import shared
from api.docs import OPENAPI, asyncapi_document
from api.erasure import erase_visitor
from api.errors import JsonRequest, on_chat_error, on_http_exception, on_unexpected
from api.headers import guarded
from api.health import live, ready
from api.hosts import at_a_host
from api.limits import Room
from api.metrics import ProjectionMeters, count_requests, count_sockets, metrics
from api.origins import Origins
from api.pages import load_assets, page, static_file
from api.persona import persona_view, show_avatar, show_persona
from api.proofs import Proofs
from api.replay_socket import replay_socket
from api.request_ids import identified
from api.server import Serving
from api.session_list import list_sessions
from api.sessions import Sessions
from api.siblings import Siblings
from api.sockets import Sockets, chat_socket
from domain.assistant import Assistant
from domain.conversations import Conversations, Rules
from domain.deadlines import DeadlineKeeper, IdleRules
from domain.erasure import Erasure
from domain.errors import ChatError
from domain.knowledge import Knowledge
from domain.log import LogSource
from domain.persona import Persona, Texts
from domain.ports import Clock, Doorbell, EventStore, Recorded
from domain.retention import Retention
from infrastructure.auditor import PostgresAuditor
from infrastructure.background import for_ever
from infrastructure.clock import SystemClock
from infrastructure.deadlines import PostgresDeadlines
from infrastructure.doorbells import LocalDoorbell, PostgresDoorbell, RedisDoorbell, RemoteDoorbell
from infrastructure.event_store import POLL_SECONDS, SessionStore
from infrastructure.folder import Folder
from infrastructure.keyring import MasterKey, PostgresKeyTable, WrappedKeyring, settle_master_key
from infrastructure.leadership import lead, lead_some
from infrastructure.log_lines import REQUEST_ID
from infrastructure.log_reader import PostgresLogSource
from infrastructure.logs import Log, PostgresLog, create_tables
from infrastructure.meters import Meters
from infrastructure.notary import Notary
from infrastructure.personas import load_avatar, load_persona
from infrastructure.postgres import LIVELY, Database, schema_lock
from infrastructure.presence import Presence, new_name
from infrastructure.recorder import Recorder, datastore
from infrastructure.settings import Settings, SettingsError, keep_operator_token
from infrastructure.signing import SigningKey
from infrastructure.verification import snapshot
from projections.agreement import Agreement
from projections.archive import exported, goes_further
from projections.builds import Builds, lock_of
from projections.catalogue import PROJECTIONS
from projections.forgetting import Tables
from projections.overdue import OverdueVisitors
from projections.questions import Questions
from projections.runner import Runner
from projections.session_list import SessionList
from projections.tracking import ProjectionRecorder
from projections.views import views

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024

REST_FROM_MUCH = 3
"""How many times as long as they work projections rest where they are far behind. Recording, on two cores,
takes 1.1 to 1.3 times as long then as without them, and 1.4 to 1.6 if they rested as long as they work."""

RETENTION_LOCK = 0x76_62_5F_72_65_74_61
"""An advisory lock: of the one process that looks for what has become too old."""

PROJECTIONS_SECONDS = 60.0
"""How long projections have to take in what there is, before it is asked of them who is too old."""

ALEX = Path(__file__).parent.parent / "infrastructure" / "assistants" / "personas" / "alex" / "persona.toml"


def build(
    settings: Settings, conninfo: str, assistant: Assistant | None = None, siblings: Siblings | None = None
) -> Litestar:
    """The application on the database at `conninfo`; the assistant is the settings', unless one is given.
    Workers that share a port are each other's `siblings`.

    It waits for the database: in a loop, that is for a thread. Raises CorruptLog for another master key.
    """
    clock = SystemClock()
    presence = Presence(conninfo)
    doorbell = build_doorbell(settings, conninfo, presence.name)
    registry = CollectorRegistry()
    meters = Meters(registry, clock.now)
    database = Database(conninfo)
    keyring = build_keyring(settings, conninfo, database)
    signing_key = build_signing_key(settings, keyring)
    notary = Notary(database, signing_key, clock, settings.checkpoint_seconds)
    auditor = PostgresAuditor(conninfo, database, keyring, signing_key, [build_agreement(keyring, conninfo)])
    operator_token = settings.operator_token or keep_operator_token(settings.data_dir)
    _create_projections(conninfo)
    log = PostgresLog(conninfo, database, meters)
    store = SessionStore(log, keyring, doorbell, meters)
    persona_path = settings.persona or ALEX
    persona, knowledge = load_persona(persona_path)
    avatar = load_avatar(persona_path, persona)
    speaker = assistant or build_assistant(settings, persona, knowledge)
    rules = build_rules(settings, persona.texts)
    table = PostgresDeadlines(database, rules.idle, meters)
    conversations = Conversations(store, speaker, clock, rules, presence.name, table.hasten)
    origins = Origins(settings.allowed_origins)
    room = Room(per_address=settings.sockets_per_address, per_session=settings.sockets_per_session)
    sockets = Sockets(conversations, origins, room)
    erasure = Erasure(store, keyring, Tables(database.fetch_slowly), clock)
    deadlines = DeadlineKeeper(table, conversations.attend, clock)
    meters.append_queue.set_function(lambda: log.pending)
    meters.live_replies.set_function(lambda: conversations.speaking)
    meters.doorbell.set_function(lambda: doorbell.is_connected)
    ProcessCollector(registry=registry)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        async with opened(database, log), for_ever("presence", presence.run):
            await presence.shown()
            await store.open()
            await clock.compare(database)
            async with (
                for_ever("the clock", lambda: clock.keep_right(database)),
                for_ever("doorbell", doorbell.run),
                for_ever("the log's news", store.keep_up),
                for_ever("deadlines", deadlines.run),
                for_ever("checkpoints", notary.run),
                for_ever("tidying up", erasure.keep_tidy),
                for_ever("erasures that broke off", erasure.keep_finished),
                for_ever("rate limits", forget_old_limits),
            ):
                yield
            if close := getattr(speaker, "close", None):
                await close()

    async def drain() -> None:
        deadlines.stop()
        await conversations.close(settings.grace_seconds)

    rate_limits = MemoryStore()

    async def forget_old_limits() -> None:
        while True:
            await asyncio.sleep(60)
            await rate_limits.delete_expired()

    serving = Serving(
        drain,
        settings.max_frame_bytes,
        settings.max_pending_bytes,
        settings.frames_per_second,
        settings.trusted_proxies,
    )
    app = Litestar(
        route_handlers=[
            *(page, static_file, asyncapi_document, live, ready, metrics),
            *(show_persona, show_avatar),
            *(Sessions, chat_socket, Audit, Proofs, replay_socket),
            *(Analytics, list_sessions, erase_visitor),
        ],
        lifespan=[running],
        dependencies={
            "conversations": _always(conversations),
            "store": _always(store),
            "clock": _always(clock),
            "assets": _always(load_assets()),
            "persona": _always(persona_view(persona, knowledge, avatar, settings.max_message_chars)),
            "avatar": _always(avatar),
            "erasure": _always(erasure),
            "sockets": _always(sockets),
            "registry": _always(registry),
            "siblings": _always(siblings),
            "measures": _always([table.measure, ProjectionMeters(registry, database.fetch).look]),
            "questions": _always(Questions(database.fetch_slowly)),
            "session_list": _always(SessionList(database.fetch_slowly)),
            "auditor": _always(auditor),
        },
        plugins=build_plugins(settings),
        state=State(
            {
                "serving": serving,
                "origins": origins,
                "room": room,
                "operator_token": operator_token,
                "sessions_per_minute": settings.sessions_per_minute,
                "operator_requests_per_minute": settings.operator_requests_per_minute,
            }
        ),
        middleware=[
            count_requests(registry),
            count_sockets(meters.open_sockets),
        ],
        stores={"rate_limit": rate_limits},
        request_class=JsonRequest,
        exception_handlers={
            ChatError: on_chat_error,
            HTTPException: on_http_exception,
            Exception: on_unexpected,
        },
        openapi_config=OPENAPI,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )
    app.asgi_handler = identified(guarded(at_a_host(shared(app.asgi_handler, origins))), REQUEST_ID)
    return app


@asynccontextmanager
async def open_store(
    settings: Settings, conninfo: str, *, is_live: bool = False
) -> AsyncIterator[SessionStore]:
    """The log alone, for commands; what other processes record meanwhile comes in, if it `is_live`.

    Raises CorruptLog for another master key.
    """
    database = Database(conninfo)
    keyring = await asyncio.to_thread(build_keyring, settings, conninfo, database)
    log = PostgresLog(conninfo, database)
    async with opened(database, log):
        if not is_live:
            yield SessionStore(log, keyring, LocalDoorbell())
            return
        doorbell = build_doorbell(settings, conninfo, new_name())
        store = SessionStore(log, keyring, doorbell)
        await store.open()
        async with for_ever("doorbell", doorbell.run), for_ever("the log's news", store.keep_up):
            yield store


class Erasing(NamedTuple):
    """What erasing takes, for commands and for whoever applies the retention."""

    erasure: Erasure
    store: EventStore
    log: Log
    database: Database
    clock: Clock


@asynccontextmanager
async def open_erasing(settings: Settings, conninfo: str) -> AsyncIterator[Erasing]:
    """All of it; other processes are told of what it records. Raises CorruptLog for another master key."""
    database = Database(conninfo, max_connections=2)
    keyring = await asyncio.to_thread(build_keyring, settings, conninfo, database)
    await asyncio.to_thread(_create_projections, conninfo)
    doorbell = build_doorbell(settings, conninfo, new_name())
    log = PostgresLog(conninfo, database)
    store = SessionStore(log, keyring, doorbell)
    clock = SystemClock()
    erasure = Erasure(store, keyring, Tables(database.fetch_slowly), clock)
    async with opened(database, log), for_ever("doorbell", doorbell.run):
        await clock.compare(database)
        async with for_ever("the clock", lambda: clock.keep_right(database)):
            yield Erasing(erasure, store, log, database, clock)


def build_retention(settings: Settings, erasing: Erasing) -> Retention:
    """What the settings ask for. Raises SettingsError where they ask for none."""
    if settings.retention_days is None:
        raise SettingsError("VERBATIM_RETENTION_DAYS", "", "give a number of days, such as 365")
    folder = settings.retention_export_dir
    return Retention(
        erasing.store,
        erasing.erasure,
        OverdueVisitors(erasing.database.fetch_slowly),
        erasing.clock,
        timedelta(days=settings.retention_days),
        partial(_export, Folder(folder)) if folder else None,
    )


async def _export(folder: Folder, history: Sequence[Recorded]) -> None:
    name = f"{history[0].session.session_id}.json"
    await asyncio.to_thread(folder.keep, name, exported(history), goes_further)


@asynccontextmanager
async def retaining(settings: Settings, conninfo: str) -> AsyncIterator[None]:
    """Meanwhile, apply the settings' retention, if they have one, whenever no other process does."""
    if settings.retention_days is None:
        yield
        return
    async with open_erasing(settings, conninfo) as erasing:
        retention = build_retention(settings, erasing)

        async def work() -> None:
            # Projections that have just been begun know of nothing yet, and the next look is far away.
            await erasing.erasure.have_passed(await erasing.log.latest(), PROJECTIONS_SECONDS)
            await retention.run()

        async with (
            for_ever("tidying up", erasing.erasure.keep_tidy),
            for_ever("retention", partial(lead, conninfo, RETENTION_LOCK, work)),
        ):
            yield


def _create_projections(conninfo: str) -> None:
    with open_builds(conninfo):
        pass  # so that there is something to read, also where nobody has projected yet


@contextmanager
def open_runner(settings: Settings, conninfo: str) -> Iterator[Runner]:
    """What drives the projections, for a thread or a process. Raises CorruptLog for another master key."""
    master_key = MasterKey(settle_master_key(settings, conninfo))
    with open_builds(conninfo) as builds:
        for build in builds.newer():
            logger.warning(
                "%s has tables of version %d, which this code leaves alone: "
                "see verbatim projections status, unless a newer Verbatim runs as well",
                *(build.name, build.version),
            )
        source = PostgresLogSource(builds.recorder.datastore.pool.connection, master_key)
        yield Runner(builds.recorder, source, builds)


@contextmanager
def open_builds(conninfo: str) -> Iterator[Builds]:
    """The tables of the projections, and of the log: created, where they aren't there yet."""
    # Asked before each use: else a server that was restarted would break what is done next.
    connections = datastore(conninfo, pool_size=3, pre_ping=True)
    try:
        create_tables(conninfo, Recorder(connections))
        builds = Builds(ProjectionRecorder(connections), PROJECTIONS, views)
        with schema_lock(conninfo):
            builds.open()
        yield builds
    finally:
        connections.close()


@asynccontextmanager
async def projecting(settings: Settings, conninfo: str) -> AsyncIterator[None]:
    """Meanwhile, drive the projections whenever no other process does, each in the version that this code
    has: processes of another release go on with theirs."""
    locks = {projection.name: lock_of(projection.name, projection.version) for projection in PROJECTIONS}
    with open_runner(settings, conninfo) as runner:
        calm_collector()
        doorbell = build_doorbell(settings, conninfo, new_name())
        work = partial(lead_some, conninfo, locks, partial(keep_projecting, runner, doorbell))
        async with for_ever("doorbell", doorbell.run), for_ever("projections", work):
            yield


async def keep_projecting(runner: Runner, doorbell: Doorbell, led: Collection[str]) -> None:
    """For ever, take in what is recorded, soon after somebody rings, by the projections that are led here.

    While conversations go on, it rests as long as it works, and for longer where much is left: PostgreSQL's
    part of that isn't nicer to others.
    """
    loop = asyncio.get_running_loop()
    while True:
        head, began = runner.head, loop.time()
        if not await asyncio.to_thread(runner.step, frozenset(led)):
            await doorbell.wait(POLL_SECONDS)
        elif runner.head > head:
            await asyncio.sleep((loop.time() - began) * (REST_FROM_MUCH if runner.is_behind else 1))


class Record(NamedTuple):
    """What commands work with that verify the log, and prove what it holds."""

    store: EventStore
    auditor: PostgresAuditor
    notary: Notary


@asynccontextmanager
async def open_record(settings: Settings, conninfo: str) -> AsyncIterator[Record]:
    """The log, and what vouches for it, for commands. Raises CorruptLog for another master key."""
    database = Database(conninfo)
    keyring = await asyncio.to_thread(build_keyring, settings, conninfo, database)
    signing_key = build_signing_key(settings, keyring)
    await asyncio.to_thread(_create_projections, conninfo)
    log = PostgresLog(conninfo, database)
    clock = SystemClock()
    async with opened(database, log):
        await clock.compare(database)
        yield Record(
            SessionStore(log, keyring, LocalDoorbell()),
            PostgresAuditor(conninfo, database, keyring, signing_key, [build_agreement(keyring, conninfo)]),
            Notary(database, signing_key, clock),
        )


@asynccontextmanager
async def opened(database: Database, log: PostgresLog) -> AsyncIterator[None]:
    """While the connections are open."""
    await database.open()
    try:
        await log.open()
        try:
            yield
        finally:
            await log.close()
    finally:
        await database.close()


def build_keyring(settings: Settings, conninfo: str, database: Database) -> WrappedKeyring:
    """The visitors' keys, under the database's master key. Raises CorruptLog if the settings have another."""
    return WrappedKeyring(settle_master_key(settings, conninfo), PostgresKeyTable(database))


def build_signing_key(settings: Settings, keyring: WrappedKeyring) -> SigningKey:
    """What checkpoints are signed with: the settings' own key, else one that the master key makes."""
    return SigningKey(settings.signing_key) if settings.signing_key else keyring.signing_key()


def build_agreement(keyring: WrappedKeyring, conninfo: str) -> Agreement:
    """The check that the projections' tables agree with the log."""

    @contextmanager
    def opened() -> Iterator[tuple[psycopg.Connection, LogSource]]:
        with (
            snapshot(conninfo, read_only=False) as tables,
            psycopg.connect(conninfo, autocommit=True, application_name="verbatim-verify", **LIVELY) as log,
        ):
            yield tables, PostgresLogSource(lambda: nullcontext(log), keyring)

    return Agreement(opened, PROJECTIONS)


def build_doorbell(settings: Settings, conninfo: str, name: str) -> RemoteDoorbell:
    """Redis, if the settings name one; else the database."""
    if settings.redis_url:
        return RedisDoorbell(settings.redis_url, name)
    return PostgresDoorbell(conninfo, name)


def build_assistant(settings: Settings, persona: Persona, knowledge: Knowledge) -> Assistant:
    """The assistant that the settings ask for."""
    # Imported where they are wanted: what they build on takes longer to load than all the rest.
    if settings.assistant == "guide":
        from infrastructure.assistants.guide import GuideAssistant

        return GuideAssistant(persona, knowledge, words_per_second=settings.words_per_second)
    from infrastructure.assistants.openai import OpenAIAssistant
    from infrastructure.assistants.ranking import Ranking

    return OpenAIAssistant(
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key,
        model=settings.openai_model,
        persona=persona,
        ranking=Ranking(knowledge),
    )


def build_plugins(settings: Settings) -> list[InitPlugin]:
    """Tracing, if the settings ask for it. Raises SettingsError where it isn't installed."""
    if settings.otlp_endpoint is None:
        return []
    try:
        from api.tracing import Tracing
    except ImportError:
        accepted = "install what it needs first, pip install 'verbatim-chat[otel]'"
        # Before an @ there may be a password: then it isn't repeated.
        shown = "..." if "@" in settings.otlp_endpoint else settings.otlp_endpoint
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT", shown, accepted) from None
    return [Tracing(settings.otlp_endpoint, REQUEST_ID)]


def build_rules(settings: Settings, texts: Texts) -> Rules:
    """The rules of conversations that the settings make; what visitors are told is the persona's."""
    return Rules(
        session_lifetime=timedelta(seconds=settings.session_ttl_seconds),
        chunk_window=settings.chunk_window_ms / 1000,
        max_message_chars=settings.max_message_chars,
        messages_per_minute=settings.messages_per_minute,
        messages_per_session=settings.messages_per_session,
        idle=IdleRules(
            warning_after=timedelta(seconds=settings.idle_warning_seconds),
            end_after=timedelta(seconds=settings.idle_end_seconds),
            warning_text=texts.idle_warning,
            end_text=texts.session_end,
        ),
    )


def _always(value: Any) -> Provide:
    provide: Callable[[], Any] = lambda: value  # noqa: E731
    return Provide(provide, use_cache=True, sync_to_thread=False)
