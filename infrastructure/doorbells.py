"""Doorbells: within one process, through PostgreSQL, through Redis. See `domain.ports.Doorbell`.

Nothing is sent but the name of who rings, so that nobody answers to his own ring. Rings are few, however much
is recorded: one at once, and the next a moment later, for all that has happened meanwhile.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from psycopg import AsyncConnection
from redis import asyncio as redis

from infrastructure.postgres import CHECK_SECONDS, hold_connection, watch_over

logger = logging.getLogger(__name__)

CHANNEL = "verbatim"

RING_SECONDS = 0.02
"""The least time between two rings of a process."""

REDIS_RECONNECT_SECONDS = 0.5


class _Doorbell:
    """What all doorbells share: a flag that is cleared *before* whoever waited goes to look."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()


class LocalDoorbell(_Doorbell):
    """Heard by its neighbours in this process; alone, by nobody."""

    def __init__(self, neighbours: "list[LocalDoorbell] | None" = None) -> None:
        super().__init__()
        self._neighbours = [] if neighbours is None else neighbours
        self._neighbours.append(self)

    def ring(self) -> None:
        for neighbour in self._neighbours:
            if neighbour is not self:
                neighbour._rung.set()


class RemoteDoorbell(_Doorbell):
    """Heard in other processes, for as long as `run` does."""

    _by: str

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._is_connected = False
        self._was_lost = False
        self._to_ring = asyncio.Event()

    def ring(self) -> None:
        self._to_ring.set()

    async def run(self) -> None:
        """Listen and ring, for ever."""
        raise NotImplementedError

    @property
    def is_connected(self) -> bool:
        """Whether what others ring is heard."""
        return self._is_connected

    def _connected(self) -> None:
        if not self._is_connected and self._was_lost:
            logger.warning("the doorbell is back, by %s", self._by)
        self._is_connected, self._was_lost = True, False
        self._rung.set()  # who knows what was rung before

    def _lost(self) -> None:
        if not self._was_lost:
            logger.warning("no doorbell is heard, by %s: what others record is seen once a second", self._by)
        self._is_connected, self._was_lost = False, True

    def _heard(self, name: str) -> None:
        if name != self._name:
            self._rung.set()

    async def _next_ring(self) -> None:
        await self._to_ring.wait()
        self._to_ring.clear()


class PostgresDoorbell(RemoteDoorbell):
    """LISTEN and NOTIFY, on connections of their own: never in the transaction of an append, which a NOTIFY
    would make wait for those of the whole database."""

    _by = "PostgreSQL"

    def __init__(self, conninfo: str, name: str) -> None:
        super().__init__(name)
        self._conninfo = conninfo

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hold_connection(self._conninfo, "listen", self._listen, self._lost))
            tasks.create_task(hold_connection(self._conninfo, "notify", self._notify))

    async def _listen(self, connection: AsyncConnection) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        self._connected()
        await watch_over(connection, lambda notify: self._heard(notify.payload))

    async def _notify(self, connection: AsyncConnection) -> None:
        # A ring needs no disk.
        await connection.execute("SET synchronous_commit = off")
        while True:
            await self._next_ring()
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, self._name))
            await asyncio.sleep(RING_SECONDS)


class RedisDoorbell(RemoteDoorbell):
    """Publish and subscribe."""

    _by = "Redis"

    def __init__(self, url: str, name: str) -> None:
        super().__init__(name)
        self._redis: Any = redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=CHECK_SECONDS,
            socket_timeout=2 * CHECK_SECONDS,
            health_check_interval=CHECK_SECONDS,
        )

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._for_ever(self._listen))
                tasks.create_task(self._for_ever(self._publish))
        finally:
            await self._redis.aclose()

    async def _for_ever(self, use: Any) -> None:
        while True:
            try:
                await use()
            except Exception as error:
                # Whatever it is: when a server dies in the middle of an answer, the client and the event loop
                # raise errors of many kinds.
                logger.debug("Redis: %s", type(error).__qualname__)
                if use == self._listen:
                    self._lost()
            await asyncio.sleep(REDIS_RECONNECT_SECONDS)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            self._connected()
            while True:
                message = await subscription.get_message(
                    ignore_subscribe_messages=True, timeout=CHECK_SECONDS
                )
                if message:
                    self._heard(message["data"])

    async def _publish(self) -> None:
        while True:
            await self._next_ring()
            await self._redis.publish(CHANNEL, self._name)
            await asyncio.sleep(RING_SECONDS)
