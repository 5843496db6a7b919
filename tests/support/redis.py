"""A real Redis, as a process of the test's own."""

import asyncio
import signal
import socket
import subprocess
from pathlib import Path

from tests.support.needs import program
from tests.support.waiting import until


class RedisServer:
    """Debian's `redis-server`, on a port of its own, with nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    async def start(self) -> None:
        """Start it; skips the test where there is none."""
        self._process = subprocess.Popen(
            [
                program("redis-server", "redis-server"),
                "--port",
                str(self._port),
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        await until(self._answers, "Redis to answer")

    @property
    def is_running(self) -> bool:
        return self._process is not None

    async def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(self._process.wait, 10)
            self._process = None

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.write(b"PING\r\n")
        pong = await reader.readline()
        writer.close()
        return pong == b"+PONG\r\n"
