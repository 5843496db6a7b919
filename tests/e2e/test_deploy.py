"""What is in `deploy/`, at work, two nodes behind nginx, on PostgreSQL and Redis; and what its files say."""

import asyncio
import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api.commands import EXIT_CORRUPT, EXIT_USAGE
from infrastructure.settings import KEY_BYTES, Settings, read_settings
from tests.support.client import SocketClient
from tests.support.nginx import DEPLOY, Nginx, free_port
from tests.support.redis import RedisServer
from tests.support.service import Service, ServiceProcess, Visitor, server_sent, text_of
from tests.support.waiting import until

ROOT = DEPLOY.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NODES = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "verbatim"}
UNIT = (DEPLOY / "verbatim.service").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
QUESTION = "What is a novated lease?"
VISITORS = 4


class Site:
    """Two nodes with nginx in front."""

    def __init__(self, conninfo: str, folder: Path, redis: RedisServer) -> None:
        environment = {
            "DATABASE_URL": conninfo,
            "REDIS_URL": redis.url,
            "VERBATIM_DATA_DIR": str(folder / "data"),
            "VERBATIM_WORDS_PER_SECOND": "80",
            "VERBATIM_MESSAGES_PER_MINUTE": "10000",
            "VERBATIM_SESSIONS_PER_MINUTE": "10000",
        }
        ports = [free_port(), free_port()]
        self.nodes = [ServiceProcess(environment, folder / f"log {port}", port=port) for port in ports]
        self.nginx = Nginx(folder / "nginx", ports)
        self.front = Service(self.nginx.port)

    async def client(self) -> SocketClient:
        """A visitor, who knows of nginx alone."""
        visitor = await self.front.start_session()
        return SocketClient(lambda: [self.front], visitor.session_id, visitor.visitor_id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    redis = RedisServer(folder)
    site = Site(conninfo, folder, redis)
    await redis.start()
    await site.nginx.start()
    yield site
    for node in site.nodes:
        if node.is_running:
            assert await node.stop() == 0
    await redis.kill()
    await site.nginx.stop()


@pytest.fixture
async def site(opened: Site) -> Site:
    """With both nodes running, whatever a test before has done to them."""
    await asyncio.gather(*(node.start() for node in opened.nodes if not node.is_running))
    return opened


# --- through nginx


async def test_a_visitor_chats_over_the_socket_that_a_session_names(site: Site) -> None:
    async with site.front.http() as http:
        session = (await http.post("/api/chats/sessions/")).json()
    visitor = await site.front.start_session()

    async with visitor.socket() as socket:
        await socket.send(visitor.message(QUESTION))
        frames = await socket.receive_until("complete")

    assert session["ws_url"] == site.front.ws_url, "it is nginx's"
    assert text_of(frames) == frames[-1]["message"] != ""


async def test_server_sent_events_arrive_while_the_reply_is_being_said(site: Site) -> None:
    visitor = await site.front.start_session()
    headers = visitor.headers | {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}

    async with (
        site.front.http() as http,
        http.stream(
            "POST", visitor.path + "/messages/", json={"message": QUESTION}, headers=headers
        ) as response,
    ):
        events = server_sent(response)
        first = await anext(events)
        # It is still being said, for it can be stopped.
        await http.post(visitor.path + "/stop/", headers=visitor.headers)
        *words, last = [first, *[event async for event in events]]

    assert "Content-Encoding" not in response.headers
    assert last.frame["metadata"]["finish_reason"] == "stopped"
    assert text_of([word.frame for word in words]) == last.frame["message"]


async def test_static_files_alone_are_compressed(site: Site) -> None:
    visitor = await site.front.start_session()

    async with site.front.http() as http:
        style = await http.get("/static/page.css")
    transcript = await visitor.get("/transcript/?format=html")

    assert style.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in transcript.headers


async def test_no_log_of_nginx_holds_a_query_string(site: Site, tmp_path: Path) -> None:
    visitor = await site.front.start_session()
    async with visitor.socket():
        pass
    await visitor.get(f"/?visitor_id={visitor.visitor_id}")
    nobody = Nginx(tmp_path / "nginx", [free_port(), free_port()])
    await nobody.start()
    async with Service(nobody.port).http() as http:
        failed = await http.get(f"/ws/chat/?visitor_id={visitor.visitor_id}")

    await until(lambda: "GET /ws/chat/ 101 " in site.nginx.access_log, "the socket to be logged")
    await until(lambda: f"GET {visitor.path}/ 200 " in site.nginx.access_log, "the request to be logged")
    await until(lambda: "GET /ws/chat/ 503 " in nobody.access_log, "the failure to be logged")
    await nobody.stop()
    for trace in (str(visitor.visitor_id), "visitor_id", "?"):
        assert trace not in site.nginx.logs + nobody.logs
    assert (failed.status_code, failed.json()["code"]) == (503, "unavailable")


async def test_no_log_of_nginx_holds_whom_an_operator_has_erased(site: Site) -> None:
    visitor = await site.front.start_session()
    name = str(visitor.visitor_id)
    paths = (
        f"/api/audit/visitors/{name}/",
        f"/api/audit/visitors/{name}",
        f"/api//audit/visitors//{name}//",
        f"/api/audit/visitors/{name}/visitors/x",
        f"/API%2FAudit/Visitors/{name.upper()}",
    )
    async with site.front.http() as http:
        answers = [await http.delete(path) for path in paths]

    assert [answer.status_code for answer in answers[:2]] == [401, 401]
    await until(
        lambda: site.nginx.access_log.lower().count("delete /api/audit/visitors/... ") == len(paths),
        "all of them to be logged",
    )
    assert name not in site.nginx.logs.lower()


async def test_what_a_visitor_writes_into_an_address_forges_no_field_of_the_log(site: Site) -> None:
    visitor = await site.front.start_session()
    name = str(visitor.visitor_id)
    paths = (
        "/x%20200%205%20bytes%20from%201.2.3.4%0aGET",
        f"/y%3Fvisitor_id={name}",
        f"/z;visitor_id={name}",
    )
    async with site.front.http() as http:
        for path in paths:
            assert (await http.get(path)).status_code == 404

    for path in ("/x", "/y", "/z"):
        logged = f"GET {path} 404 "
        await until(lambda logged=logged: logged in site.nginx.access_log, "the request to be logged")
    assert name not in site.nginx.logs
    assert "1.2.3.4" not in site.nginx.logs


async def test_what_nginx_refuses_by_itself_it_refuses_as_the_service_would(site: Site) -> None:
    async with site.front.http() as http:
        answers = [
            await http.get("/metrics", headers={"Authorization": "Bearer whatever"}),
            await http.get("/" + "a" * 9000),
            await http.get("/", headers={"X-Much": "a" * 40_000}),
        ]

    assert [answer.status_code for answer in answers] == [404, 414, 400]
    for answer in answers:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


async def test_a_node_whose_machine_is_gone_is_left_out(site: Site, tmp_path: Path) -> None:
    with socket.socket() as gone, ExitStack() as waiting:
        # Nobody takes the connections that are made to it, and when the queue is full it doesn't even answer.
        gone.bind(("127.0.0.1", 0))
        gone.listen(0)
        for _ in range(3):
            filling = waiting.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(gone.getsockname())
        nginx = Nginx(tmp_path / "nginx", [site.nodes[0].port, gone.getsockname()[1]])
        await nginx.start()
        began = time.monotonic()
        async with Service(nginx.port).http() as http:
            statuses = [(await http.get("/health/live")).status_code for _ in range(40)]
        took = time.monotonic() - began
        await nginx.stop()

    assert statuses == [200] * 40
    assert took < 15, "but for a few, they were answered at once"


async def test_a_request_has_the_same_id_in_nginx_s_log_and_in_the_answer(site: Site) -> None:
    async with site.front.http() as http:
        response = await http.get("/health/live", headers={"X-Request-Id": "chosen-outside"})

    own = response.headers["X-Request-Id"]
    assert own != "chosen-outside"
    await until(lambda: f"as {own}\n" in site.nginx.access_log, "the request to be logged by its id")


async def test_a_body_that_the_service_would_refuse_is_refused_at_the_door(site: Site) -> None:
    visitor = await site.front.start_session()
    direct = Visitor(Service(site.nodes[0].port), visitor.session_id, visitor.visitor_id)

    async def say(at: Visitor, characters: int) -> httpx.Response:
        async with at.service.http() as http:
            return await http.post(
                at.path + "/messages/", json={"message": "x" * characters}, headers=at.headers
            )

    refused, by_the_service = await say(visitor, 1_000_000), await say(direct, 1_000_000)
    passed = await say(visitor, 256 * 1024 - 100)

    at_the_door = re.compile(f"POST {visitor.path}/messages/ 413 .* from - ")
    await until(lambda: at_the_door.search(site.nginx.access_log) is not None, "no node to be asked")
    assert refused.status_code == by_the_service.status_code == 413
    assert refused.headers["Content-Type"] == by_the_service.headers["Content-Type"]
    for key in ("type", "status", "title", "code"):
        assert refused.json()[key] == by_the_service.json()[key]
    assert passed.json()["code"] == "message_too_long", "it has come to the service"


async def test_with_tls_visitors_are_sent_to_sockets_with_tls(site: Site, tmp_path: Path) -> None:
    make_certificate(tmp_path)
    nginx = Nginx(tmp_path / "nginx", [node.port for node in site.nodes], tls_folder=tmp_path)
    await nginx.start()

    async with httpx.AsyncClient(verify=False) as http:
        session = await http.post(f"https://127.0.0.1:{nginx.tls_port}/api/chats/sessions/")
        plain = await http.get(f"http://127.0.0.1:{nginx.port}/page?a=b")
    await nginx.stop()

    assert session.json()["ws_url"] == f"wss://127.0.0.1:{nginx.tls_port}/ws/chat/"
    assert session.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert (plain.status_code, plain.headers["Location"]) == (301, "https://127.0.0.1/page?a=b")


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


async def test_the_image_s_health_check_asks_the_node(site: Site, tmp_path: Path) -> None:
    found = re.search(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found
    _, *arguments = json.loads(found[1])

    async def check(port: int) -> int:
        environment = {**os.environ, "VERBATIM_PORT": str(port)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environment, stderr=subprocess.DEVNULL
        )
        return await process.wait()

    assert await check(site.nodes[1].port) == 0
    assert await check(free_port()) != 0


async def test_nginx_itself_accepts_the_configuration(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path / "nginx", [free_port(), free_port()])

    assert "test is successful" in await nginx.check()


async def test_a_restart_of_all_nodes_in_turn_shows_visitors_nothing_but_a_reconnect(site: Site) -> None:
    clients = [await site.client() for _ in range(VISITORS)]
    over = asyncio.Event()
    chats = [asyncio.create_task(chat(client, over)) for client in clients]
    reader = asyncio.create_task(read(site, clients[0], over))
    await until(lambda: all(map(hears, clients)), "everybody to hear a reply")

    for node in site.nodes:
        assert await node.stop() == 0
        await node.start()
    over.set()
    await asyncio.gather(*chats, reader)

    for client in clients:
        assert client.connections >= 2, "it was connected to one node, and then to the other"
        for said in client.said.values():
            assert not said.failed
            assert said.texts == [said.whole], "it came in one piece, with nothing missing and nothing twice"
        visitor = Visitor(site.front, client.session_id, client.visitor_id)
        assert await visitor.spoken() == [said.whole for said in client.said.values()]
        await client.close()
    for node in site.nodes:
        for trace in ("ERROR", "Traceback", QUESTION):
            assert trace not in node.output


async def test_visitors_go_on_when_a_node_is_killed(site: Site) -> None:
    clients = [await site.client() for _ in range(VISITORS)]
    over = asyncio.Event()
    chats = [asyncio.create_task(chat(client, over)) for client in clients]
    await until(lambda: all(map(hears, clients)), "everybody to hear a reply")

    await max(site.nodes, key=lambda node: node.connections).kill()
    over.set()
    await asyncio.gather(*chats)

    assert any(client.connections > 1 for client in clients), "somebody was connected to it"
    for client in clients:
        for said in client.said.values():
            assert len(said.texts) <= 2, "it is answered anew once"
            assert said.texts[-1] == said.whole
        await client.close()
    await site.front.start_session()


def hears(client: SocketClient) -> bool:
    return any(said.texts[0] for said in client.said.values())


async def chat(client: SocketClient, over: asyncio.Event) -> None:
    """Ask again and again, until it is over; and once more."""
    is_last = False
    while not is_last:
        is_last = over.is_set()
        async with asyncio.timeout(60):
            await client.say(QUESTION)


async def read(site: Site, client: SocketClient, over: asyncio.Event) -> None:
    """Read the transcript again and again, which always works."""
    visitor = Visitor(site.front, client.session_id, client.visitor_id)
    while not over.is_set():
        assert (await visitor.get("/transcript/")).status_code == 200


# --- what the files say


def test_every_setting_that_the_files_name_is_read() -> None:
    read = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', (ROOT / "infrastructure/settings.py").read_text()))
    files = [ROOT / "docker-compose.yml", ROOT / "Dockerfile", *DEPLOY.iterdir()]

    for file in files:
        named = set(re.findall(r"\b(?:VERBATIM|OPENAI|DATABASE|REDIS)_[A-Z_]+", file.read_text()))
        assert named <= read, file
    for node in NODES.values():
        assert set(node["environment"]) <= read


def test_the_nodes_settings_are_accepted_as_they_stand_and_with_secrets_from_the_environment() -> None:
    key = base64.b64encode(bytes(KEY_BYTES)).decode()

    for node in NODES.values():
        as_it_stands = settings(node, {})
        assert as_it_stands.master_key == b"development only: never for real"
        assert as_it_stands.database_url == "postgresql://verbatim:development@postgres:5432/verbatim"
        with_secrets = settings(node, {"VERBATIM_MASTER_KEY": key, "POSTGRES_PASSWORD": "s3cret"})
        assert with_secrets.master_key == bytes(KEY_BYTES)
        assert with_secrets.database_url == "postgresql://verbatim:s3cret@postgres:5432/verbatim"


async def test_a_node_starts_where_it_can_write_nothing(new_conninfo: str, tmp_path: Path) -> None:
    """As a container must, whose file system is read-only."""
    nowhere = tmp_path / "a file"
    nowhere.touch()
    for node in NODES.values():
        secrets = {name: value for name, value in composed(node, {}).items() if name.startswith("VERBATIM_")}
        process = ServiceProcess(
            {**secrets, "DATABASE_URL": new_conninfo, "VERBATIM_DATA_DIR": str(nowhere / "data")},
            tmp_path / "log",
            port=free_port(),
        )

        await process.start()

        assert await process.stop() == 0


def settings(node: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """A node's settings."""
    return read_settings(composed(node, environment))


def composed(node: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """What a node's environment is, with `${NAME:-default}` put in as Compose does."""

    def put_in(text: str) -> str:
        return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environment.get(found[1]) or found[2], text)

    return {name: put_in(value) for name, value in node["environment"].items()}


def test_nginx_knows_the_nodes_that_compose_starts_and_the_files_that_it_mounts() -> None:
    upstream = (DEPLOY / "upstream.conf").read_text()
    mounted = {volume.split(":")[0] for volume in COMPOSE["services"]["nginx"]["volumes"]}

    assert set(re.findall(r"server (\w+):8000 ", upstream)) == set(NODES)
    assert {ROOT / path for path in mounted} == set(DEPLOY.glob("*.conf"))


def test_who_stops_a_node_waits_longer_than_its_grace_and_the_end_of_its_connections() -> None:
    grace = read_settings({}).grace_seconds + 10  # make_server's timeout_graceful_shutdown

    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[0]) > grace
    for node in NODES.values():
        assert int(node["stop_grace_period"].removesuffix("s")) > grace


def test_the_image_is_built_from_all_packages_and_nothing_that_is_kept_out() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for source in line.split()
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= copied
    assert copied == set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert all((ROOT / source).exists() for source in copied)


def test_one_node_builds_the_image_that_all_of_them_run() -> None:
    assert [name for name, node in NODES.items() if "build" in node] == ["node1"]
    assert "docker compose build node1" in (DEPLOY / "README.md").read_text()


def test_a_node_is_given_every_setting_that_there_is_and_what_it_needs_of_its_container() -> None:
    for node in NODES.values():
        assert node["env_file"] == [{"path": ".env", "required": False}]
        assert (node["init"], node["read_only"], node["tmpfs"]) == (True, True, ["/tmp"])
        assert node["ulimits"]["nofile"] >= 65_536


def test_systemd_starts_a_node_again_for_ever_unless_no_start_can_help() -> None:
    assert "StartLimitIntervalSec=0" in UNIT.split("[Service]")[0]
    assert f"RestartPreventExitStatus={EXIT_USAGE} {EXIT_CORRUPT}" in UNIT
