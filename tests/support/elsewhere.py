"""What becomes of a service's sessions in another process, which has its database and its data folder."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from api.app import open_store
from domain.events import SessionStarted
from domain.session import erase
from infrastructure.clock import SystemClock
from infrastructure.settings import read_settings
from tests.support.postgres import execute
from tests.support.service import Service, Visitor


async def start_expired(service: Service, conninfo: str, data_dir: Path) -> Visitor:
    """Whoever has a session that expired a minute ago."""
    settings = read_settings({"VERBATIM_DATA_DIR": str(data_dir)})
    visitor, now = Visitor(service, uuid4(), uuid4()), SystemClock().now()
    async with open_store(settings, conninfo) as store:
        started = SessionStarted(visitor.visitor_id, now - timedelta(minutes=1))
        await store.append(visitor.session_id, 0, [started], now - timedelta(days=1))
    return visitor


async def erased(visitor: Visitor, conninfo: str, data_dir: Path) -> None:
    """Forget the visitor."""
    settings = read_settings({"VERBATIM_DATA_DIR": str(data_dir)})
    async with open_store(settings, conninfo) as store:
        session = await store.refresh(visitor.session_id)
        assert session is not None
        await store.append(visitor.session_id, session.version, erase(session), SystemClock().now())
    execute(
        conninfo,
        "UPDATE visitor_keys SET wrapped = NULL, destroyed_at = now() WHERE visitor_id = %s",
        visitor.visitor_id,
    )
