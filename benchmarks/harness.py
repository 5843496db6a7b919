"""A server of its own for a benchmark, the service in a process of its own, and how results are told."""

import argparse
import asyncio
import base64
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from infrastructure.postgres import EmbeddedServer

MASTER_KEY = base64.b64encode(bytes(32)).decode()
"""One for all services that a benchmark starts on a database, as the database insists."""

console = Console(stderr=True, highlight=False)
Results = dict[str, float]


def arguments(description: str | None, **options: Any) -> argparse.Namespace:
    """The command line that all benchmarks share; each option has a default, which gives its type."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print the keys as one JSON object, last")
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"[{default}]")
    return parser.parse_args()


def tell(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], results: Results, as_json: bool
) -> None:
    """Print the table, and the keys."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{cell:,.1f}" if isinstance(cell, float) else str(cell) for cell in row))
    Console().print(table)
    if as_json:
        print(msgspec.json.encode({key: round(value, 3) for key, value in results.items()}).decode())


def progress(text: str) -> None:
    """Say what goes on."""
    console.print(f"[dim]{text}[/dim]")


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """A PostgreSQL with nothing in it."""
    with _open_folder() as folder:
        server = EmbeddedServer(folder / "postgres")
        conninfo = await server.start()
        try:
            yield conninfo
        finally:
            await server.stop()


@contextmanager
def _open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-") as name:
        # The server runs as a user of its own where this process is root's: it must be able to enter.
        Path(name).chmod(0o755)
        yield Path(name)


class ServiceProcess:
    """A server under load, and what it costs."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = psutil.Process(process.pid)
        self.port = port

    @property
    def cpu_seconds(self) -> float:
        """CPU time that it has used so far."""
        times = self._process.cpu_times()
        return times.user + times.system

    @property
    def memory_bytes(self) -> int:
        """Its resident memory."""
        return self._process.memory_info().rss


@asynccontextmanager
async def started(module: str, environment: Mapping[str, str]) -> AsyncIterator[ServiceProcess]:
    """A server, as a process of its own. `module` is what `python -m` starts: it prints its port."""
    raise_file_limit()
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        port = await asyncio.to_thread(process.stdout.readline)
        if not port:
            raise RuntimeError(f"{module} did not start")
        yield ServiceProcess(process, int(port))
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


@asynccontextmanager
async def service(
    module: str, conninfo: str, environment: Mapping[str, str]
) -> AsyncIterator[ServiceProcess]:
    """The service, started as a process of its own."""
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-data-") as folder:
        own = {
            "DATABASE_URL": conninfo,
            "VERBATIM_DATA_DIR": folder,
            "VERBATIM_MASTER_KEY": MASTER_KEY,
            "VERBATIM_PORT": "0",
            "VERBATIM_SESSIONS_PER_MINUTE": "1000000",
            "VERBATIM_SOCKETS_PER_ADDRESS": "1000000",
        }
        async with started(module, own | dict(environment)) as running:
            yield running


def postgres_cpu_seconds() -> float:
    """CPU time of all PostgreSQL processes that live now."""
    total = 0.0
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


def raise_file_limit() -> None:
    """Thousands of sockets need as many file descriptors, here and in the processes started from here."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
