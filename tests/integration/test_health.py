"""Whether a service lives, and whether it is ready: also where its database is gone, or can only be read."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from psycopg.conninfo import make_conninfo

from domain.conversations import Rules
from infrastructure.postgres import Database
from tests.support.postgres import execute
from tests.support.proxy import proxied
from tests.support.puppet import Puppet
from tests.support.rest import say
from tests.support.service import FAST, Visitor, problem, served
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")


async def test_a_service_without_its_database_lives_but_isnt_ready(
    new_conninfo: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database.__init__, "__defaults__", (0.3, 8))
    monkeypatch.setattr("api.app.build_rules", lambda *_: Rules(accept_within=0.3))
    async with (
        proxied(new_conninfo) as proxy,
        served(proxy.conninfo, data_dir, Puppet(), FAST) as service,
        service.http() as http,
    ):
        visitor = await service.start_session()
        assert (await http.get("/health/ready")).json() == {"status": "ok"}
        proxy.shut()

        assert (await http.get("/health/live")).json() == {"status": "ok"}
        assert problem(await http.get("/health/ready"))[:2] == (503, "unavailable")
        assert problem(await visitor.get("/transcript/"))[:2] == (503, "unavailable")
        assert problem(await http.post("/api/chats/sessions/"))[:2] == (503, "unavailable")
        async with visitor.socket(join=False) as socket:
            await socket.send(visitor.message("Hello"))
            refused = await socket.receive()
            assert refused["metadata"]["code"] == "unavailable"

        proxy.is_open = True
        await until(lambda: is_ready(http), "the service to be ready again")
        await until(lambda: is_answered(http, visitor), "messages to be answered again")


async def test_a_service_that_can_only_read_isnt_ready(
    new_conninfo: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.app.build_rules", lambda *_: Rules(accept_within=0.3))
    role = f"chat_{uuid4().hex}"
    execute(new_conninfo, f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'secret'")
    conninfo = make_conninfo(new_conninfo, user=role, password="secret")
    async with served(conninfo, data_dir, Puppet(), FAST) as service, service.http() as http:
        visitor = await service.start_session()
        # Connections that there are live on: the pool's do, and the writer gets no other for its own.
        execute(new_conninfo, f"ALTER ROLE {role} NOLOGIN")
        execute(
            new_conninfo,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'verbatim-log' AND datname = current_database()",
        )
        await until(lambda: is_refused(http, visitor), "messages to be refused")

        assert (await visitor.get("/transcript/")).status_code == 200
        assert problem(await http.get("/health/ready"))[:2] == (503, "unavailable")

        execute(new_conninfo, f"ALTER ROLE {role} LOGIN")
        await until(lambda: is_ready(http), "the service to be ready again")
        assert await is_answered(http, visitor)
    execute(new_conninfo, f"DROP OWNED BY {role}")
    execute(new_conninfo, f"DROP ROLE {role}")


async def is_refused(http: httpx.AsyncClient, visitor: Visitor) -> bool:
    return (await say(http, visitor, "Hello")).status_code == 503


async def is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/health/ready")).status_code == 200


async def is_answered(http: httpx.AsyncClient, visitor: Visitor) -> bool:
    return (await say(http, visitor, "Hello")).status_code == 200
