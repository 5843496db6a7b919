"""Sockets whose peers read slowly, or nothing at all, of what they are sent."""

import asyncio
import gc
import json
import socket as sockets
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.wire import FramesProtocol, text_frame
from tests.support.puppet import Puppet
from tests.support.service import Frame, Service, followers, served, text_of
from tests.support.slow_reading import hold
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")

HANDSHAKE = (
    "GET /ws/chat/?session_id={}&visitor_id={} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def connections() -> list[FramesProtocol]:
    """The service's ends of the sockets that are open."""
    return [each for each in gc.get_objects() if type(each) is FramesProtocol and not each.disconnected]


def blocked() -> list[FramesProtocol]:
    """Of the sockets that are open, those whose peers don't read."""
    return [each for each in connections() if not each.writable.is_set()]


async def test_a_reader_that_stops_slows_nobody_holds_little_and_loses_nothing(service: Service) -> None:
    visitor = await service.start_session()
    words = 12_000
    with sockets.socket() as slow:
        slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        slow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", service.port))
        slow.send(HANDSHAKE.format(visitor.session_id, visitor.visitor_id).encode())
        async with visitor.socket() as fast:
            await until(lambda: followers() == 2, "both to follow")
            for connection in connections():
                hold(connection.transport, 4096)
            await fast.send(visitor.message(f"word*{words}"))
            frames = await fast.receive_until("complete")
            await until(lambda: len(blocked()) == 1, "the slow reader to hold its follower up")
            (held,) = blocked()

        assert len(frames) == words + 1
        # It reads on: all of it is there, in order, and as the other got it.
        hold(held.transport, 200_000)
        slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 200_000)
        wire, most = await read_until(slow, b'"complete","done":true', held)
        assert most < 1_000_000, "never more is held for it"
    position = 0
    for frame in frames:
        payload = text_frame(json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode())
        position = wire.find(payload, position)
        assert position >= 0
        position += len(payload)


async def read_until(
    reader: sockets.socket, end: bytes, writer: FramesProtocol | None = None
) -> tuple[bytes, int]:
    """What a raw socket receives, up to and including the frame that holds these bytes; and the most that
    the service has held for it meanwhile."""
    wire, most = bytearray(), 0
    async with asyncio.timeout(20):
        while wire.find(end, -500_000) < 0 or not wire.endswith(b"}}"):
            if writer is not None:
                most = max(most, writer.transport.get_write_buffer_size())
            wire += await asyncio.get_running_loop().sock_recv(reader, 65_536)
    return bytes(wire), most


async def test_pings_without_end_from_one_who_doesnt_read_pile_up_nothing(
    new_conninfo: str, data_dir: Path
) -> None:
    settings = {"VERBATIM_FRAMES_PER_SECOND": "100000"}  # else it would be hung up on for that alone
    async with served(new_conninfo, data_dir, Puppet(), settings) as service:
        visitor = await service.start_session()
        ping = b"\x89\xfd\0\0\0\0" + b"x" * 125
        with sockets.socket() as hostile:
            hostile.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            hostile.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(hostile, ("127.0.0.1", service.port))
            hostile.send(HANDSHAKE.format(visitor.session_id, visitor.visitor_id).encode())
            await read_until(hostile, b'"connected"')
            async with asyncio.timeout(20):
                for _ in range(100):
                    await loop.sock_sendall(hostile, ping * 1000)
            await until(lambda: len(blocked()) == 1, "the pongs to pile up")

            assert blocked()[0].transport.get_write_buffer_size() < 1_000_000


async def test_one_who_reads_no_more_is_hung_up_on_in_the_end(
    new_conninfo: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FramesProtocol, "start_keepalive", quick_keepalive)
    async with served(new_conninfo, data_dir, Puppet(), {"VERBATIM_CHUNK_WINDOW_MS": "5"}) as service:
        visitor = await service.start_session()
        with sockets.socket() as stuck:
            stuck.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            stuck.setblocking(False)
            await asyncio.get_running_loop().sock_connect(stuck, ("127.0.0.1", service.port))
            stuck.send(HANDSHAKE.format(visitor.session_id, visitor.visitor_id).encode())
            async with visitor.socket() as socket:
                await until(lambda: followers() == 2, "both to follow")
                for connection in connections():
                    hold(connection.transport, 4096)
                await socket.send(visitor.message("word*6000"))
                await socket.receive_until("complete")
            await until(lambda: followers() == 0, "the stuck reader's follower to be gone")
            assert blocked() == []


async def test_one_who_falls_behind_is_told_to_come_back_and_then_gets_exactly_the_rest(
    new_conninfo: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.wire.SLOW_SECONDS", 0.5)
    async with served(new_conninfo, data_dir, Puppet(), {"VERBATIM_CHUNK_WINDOW_MS": "5"}) as service:
        visitor = await service.start_session()
        with sockets.socket() as small:
            small.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            small.setblocking(False)
            await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", service.port))
            async with connect(visitor.join_url(), sock=small) as slow, visitor.socket() as fast:
                await until(lambda: followers() == 2, "both to follow")
                (theirs,) = [
                    connection.transport
                    for connection in connections()
                    if connection.transport.get_extra_info("peername") == small.getsockname()
                ]
                hold(theirs, 4096)
                await fast.send(visitor.message("word*12000"))
                whole = (await fast.receive_until("complete"))[-1]["message"]
                await until(lambda: followers() == 1, "the slow one to be let go")
                before = await read_to_the_end(slow)

        assert slow.close_code == 1013
        assert 0 < len(before) < 12_000
        async with visitor.socket(after=before[-1]["metadata"]["cursor"]) as socket:
            rest = await socket.receive_until("complete")
        assert text_of(before) + text_of(rest) == whole


async def read_to_the_end(connection: ClientConnection) -> list[Frame]:
    """All frames until the socket is closed."""
    frames: list[Frame] = []
    with suppress(ConnectionClosed):
        async with asyncio.timeout(20):
            while True:
                frames.append(json.loads(await connection.recv()))
    return frames


def quick_keepalive(protocol: FramesProtocol) -> None:
    protocol.ping_interval = protocol.ping_timeout = 0.5
    protocol.schedule_ping()
