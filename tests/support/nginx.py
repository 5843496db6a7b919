"""A real nginx, with the very nginx.conf that ships: only ports and folders are the test's."""

import asyncio
import atexit
import re
import shutil
import socket
import subprocess
from pathlib import Path

from tests.support.needs import program
from tests.support.waiting import until

DEPLOY = Path(__file__).parents[2] / "deploy"


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Nginx:
    """Debian's `nginx`; the test is skipped where there is none.

    `ports` are those of the nodes, in the order of upstream.conf. `tls_folder` asks for the variant with TLS.
    """

    def __init__(self, folder: Path, ports: list[int], *, tls_folder: Path | None = None) -> None:
        program("nginx", "nginx-light")
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port()
        folder.mkdir()
        shutil.copy(DEPLOY / "nginx.conf", folder)

        upstream = (DEPLOY / "upstream.conf").read_text()
        for number, port in enumerate(ports, 1):
            upstream = upstream.replace(f"server node{number}:8000", f"server 127.0.0.1:{port}")
        (folder / "upstream.conf").write_text(upstream)

        listen = (DEPLOY / "listen.conf").read_text()
        if tls_folder:
            listen = re.sub(r"^#(?=\S)", "", listen, flags=re.MULTILINE)
            listen = listen.replace("/etc/nginx/tls", str(tls_folder))
        listen = listen.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        listen = listen.replace("listen [::]:80;", f"listen [::1]:{self.port};")
        listen = listen.replace("listen [::]:443 ", f"listen [::1]:{self.tls_port} ")
        listen = listen.replace("listen 443 ", f"listen 127.0.0.1:{self.tls_port} ")
        (folder / "listen.conf").write_text(listen.replace("/var/log/nginx", str(folder)))
        self._process: subprocess.Popen[bytes] | None = None
        # A test that fails leaves it running.
        atexit.register(lambda: self._process and self._process.terminate())

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "error.log").open("ab") as errors:
            self._process = subprocess.Popen(
                [*self._command, "-g", f"daemon off; pid {self.folder}/pid;"], stdout=errors, stderr=errors
            )
        await until(self._answers, "nginx to answer")

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait, 10)

    async def check(self) -> str:
        """What `nginx -t` says, which must accept the configuration."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *("-t", "-g", f"pid {self.folder}/pid;"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    @property
    def access_log(self) -> str:
        return (self.folder / "access.log").read_text()

    @property
    def logs(self) -> str:
        """All that it has written down."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    @property
    def _command(self) -> list[str]:
        return ["nginx", "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"nginx did not start:\n{self.logs}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True
