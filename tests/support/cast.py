"""A service in a process of its own, at which anything is thrown, and visitors in every state."""

from pathlib import Path

from tests.support.elsewhere import start_expired
from tests.support.service import Service, ServiceProcess, Socket, Visitor, text_of

SECRET = "swordfish"
"""In every message: nothing that was said may be in the log of the process."""

FLAT = 40_000_000
"""Bytes that memory may grow by under attack: buffers, and what Python keeps for later."""


class Cast:
    """The service and its visitors: one who chats, and sessions in every other state."""

    def __init__(self, process: ServiceProcess, service: Service) -> None:
        self.process = process
        self.service = service
        self.visitors: list[Visitor] = []

    async def newcomer(self) -> Visitor:
        self.visitors.append(await self.service.start_session())
        return self.visitors[-1]

    async def ended(self) -> Visitor:
        visitor = await self.newcomer()
        async with self.service.http() as http:
            await http.delete(visitor.path + "/", headers=visitor.headers)
        return visitor

    async def expired(self, conninfo: str, data_dir: Path) -> Visitor:
        self.visitors.append(await start_expired(self.service, conninfo, data_dir))
        return self.visitors[-1]


async def still_chats(visitor: Visitor, socket: Socket) -> None:
    """The socket lives on: it answers pings, and messages."""
    await socket.send("ping")
    while (await socket.receive())["type"] != "pong":
        pass
    await socket.send(visitor.message(f"What is a novated lease, {SECRET}?"))
    assert "novated lease" in text_of(await socket.receive_until("complete"))
