"""The master key: a database has one, whoever comes with another is told, and nothing has been written."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from domain.errors import CorruptLog
from infrastructure.keyring import WrappedKeyring, settle_master_key
from infrastructure.settings import KEY_BYTES, Settings, keep_master_key, read_settings
from tests.support.postgres import execute
from tests.support.stores import MASTER_KEY, Stores

REFUSED = (
    " isn't the one this database was written with: set VERBATIM_MASTER_KEY to that one, or leave it out and "
    "set VERBATIM_DATA_DIR to the folder whose master.key holds it"
)


def settings(folder: Path, master_key: bytes | None = None) -> Settings:
    given = base64.b64encode(master_key).decode() if master_key else ""
    return read_settings({"VERBATIM_DATA_DIR": str(folder), "VERBATIM_MASTER_KEY": given})


def checks(conninfo: str) -> int:
    """How many checks of a master key the database keeps; -1 if it doesn't know of any."""
    ((known,),) = execute(conninfo, "SELECT to_regclass('master_key_check') IS NOT NULL")
    return len(execute(conninfo, "SELECT * FROM master_key_check")) if known else -1


async def make_visitor_key(conninfo: str) -> None:
    """As a service did that kept no check."""
    stores = Stores(conninfo)
    await stores.open()
    await WrappedKeyring(MASTER_KEY, stores.keys).create(uuid4())
    await stores.close()


def test_the_first_start_makes_the_key_and_the_database_knows_it_again(
    new_conninfo: str, tmp_path: Path
) -> None:
    master_key = settle_master_key(settings(tmp_path), new_conninfo)

    assert keep_master_key(tmp_path) == master_key
    assert settle_master_key(settings(tmp_path), new_conninfo) == master_key
    assert settle_master_key(settings(tmp_path / "elsewhere", master_key), new_conninfo) == master_key
    assert checks(new_conninfo) == 1


def test_a_folder_without_a_key_is_refused_and_gets_none(new_conninfo: str, tmp_path: Path) -> None:
    settle_master_key(settings(tmp_path / "first"), new_conninfo)
    folder = tmp_path / "second"

    with pytest.raises(CorruptLog) as refused:
        settle_master_key(settings(folder), new_conninfo)

    assert str(refused.value) == f"a new master key in {folder}/master.key{REFUSED}"
    assert not folder.exists()


def test_another_key_is_refused_by_the_name_of_where_it_stands(new_conninfo: str, tmp_path: Path) -> None:
    settle_master_key(settings(tmp_path / "first"), new_conninfo)
    folder = tmp_path / "second"
    other_key = keep_master_key(folder)

    with pytest.raises(CorruptLog) as refused:
        settle_master_key(settings(folder), new_conninfo)
    assert str(refused.value) == f"the master key in {folder}/master.key{REFUSED}"

    with pytest.raises(CorruptLog) as refused:
        settle_master_key(settings(tmp_path / "first", other_key), new_conninfo)
    assert str(refused.value) == f"VERBATIM_MASTER_KEY{REFUSED}"


async def test_a_database_from_before_is_checked_by_a_visitor_s_key(
    new_conninfo: str, tmp_path: Path
) -> None:
    await make_visitor_key(new_conninfo)

    for other in (settings(tmp_path), settings(tmp_path, bytes(range(KEY_BYTES)))):
        with pytest.raises(CorruptLog):
            settle_master_key(other, new_conninfo)
        assert checks(new_conninfo) == -1, "nothing was written"
    assert list(tmp_path.iterdir()) == []

    assert settle_master_key(settings(tmp_path, MASTER_KEY), new_conninfo) == MASTER_KEY
    assert checks(new_conninfo) == 1


def test_of_several_that_start_together_one_makes_the_key(new_conninfo: str, tmp_path: Path) -> None:
    def start(number: int) -> bytes | None:
        try:
            return settle_master_key(settings(tmp_path / str(number % 2)), new_conninfo)
        except CorruptLog:
            return None

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(start, range(8)))

    assert len(set(keys) - {None}) == 1
    assert keys.count(None) == 4, "those of the other folder"
    assert len(list(tmp_path.iterdir())) == 1


async def test_the_planner_s_statistics_keep_no_key_and_lose_those_that_they_kept(
    new_conninfo: str, tmp_path: Path
) -> None:
    for _ in range(3):
        await make_visitor_key(new_conninfo)
    execute(new_conninfo, "ALTER TABLE visitor_keys ALTER wrapped SET STATISTICS -1")  # as it once was
    execute(new_conninfo, "ANALYZE visitor_keys")
    assert kept_values(new_conninfo) == {"visitor_id", "wrapped", "created_at", "destroyed_at"}

    settle_master_key(settings(tmp_path, MASTER_KEY), new_conninfo)
    assert "wrapped" not in kept_values(new_conninfo)

    execute(new_conninfo, "ANALYZE visitor_keys")
    assert "wrapped" not in kept_values(new_conninfo)


async def test_a_start_waits_for_nobody_who_reads_the_keys_for_long_and_the_next_one_drops_the_statistics(
    new_conninfo: str, tmp_path: Path
) -> None:
    await make_visitor_key(new_conninfo)
    execute(new_conninfo, "ALTER TABLE visitor_keys ALTER wrapped SET STATISTICS -1")
    execute(new_conninfo, "ANALYZE visitor_keys")

    with psycopg.connect(new_conninfo) as dump:
        dump.execute("LOCK TABLE visitor_keys IN ACCESS SHARE MODE")
        assert settle_master_key(settings(tmp_path, MASTER_KEY), new_conninfo) == MASTER_KEY
        assert "wrapped" in kept_values(new_conninfo)

    settle_master_key(settings(tmp_path, MASTER_KEY), new_conninfo)
    assert "wrapped" not in kept_values(new_conninfo)


def kept_values(conninfo: str) -> set[str]:
    """The columns of keys of which the planner keeps something."""
    return {
        name for (name,) in execute(conninfo, "SELECT attname FROM pg_stats WHERE tablename = 'visitor_keys'")
    }
