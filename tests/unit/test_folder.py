"""A file is written whole, for its owner alone, or what was there stays."""

import os
from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR

import pytest

from infrastructure.folder import write_once, write_whole
from infrastructure.settings import keep_master_key


def test_a_file_is_its_owner_s_alone_and_nothing_stands_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "session.zip"

    write_whole(path, b"key")

    assert path.read_bytes() == b"key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [write_whole, write_once, lambda path, _: keep_master_key(path.parent)])
def test_a_file_has_its_name_when_its_content_is_durable_and_then_the_name_becomes_so(
    write: Callable[[Path, bytes], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "master.key", list[tuple[str, bool]]()
    fsync = os.fsync

    def note(number: int) -> None:
        fsync(number)
        synced.append(("folder" if S_ISDIR(os.fstat(number).st_mode) else "file", path.exists()))

    monkeypatch.setattr(os, "fsync", note)
    write(path, b"key")

    assert synced == [("file", False), ("folder", True)]


def test_a_file_that_is_written_once_stays_as_the_first_has_written_it(tmp_path: Path) -> None:
    path = tmp_path / "master.key"

    write_once(path, b"first")
    write_once(path, b"second")

    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_who_reads_what_was_there_goes_on_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    path.write_bytes(b"before")
    path.chmod(0o644)

    with path.open("rb") as before:
        write_whole(path, b"after")

        assert (before.read(), path.read_bytes()) == (b"before", b"after")
    assert path.stat().st_mode & 0o777 == 0o600, "also where another file was readable for all"


def test_a_link_goes_on_leading_to_the_file(tmp_path: Path) -> None:
    link, path = tmp_path / "latest", tmp_path / "1.json"
    link.symlink_to(path)

    write_whole(link, b"{}")

    assert (link.is_symlink(), path.read_bytes()) == (True, b"{}")


def test_a_pipe_is_written_to_and_not_put_away(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    write_whole(path, b"{}")

    assert (os.read(reader, 10), path.is_fifo()) == (b"{}", True)
    os.close(reader)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/session.json", "there is no folder {folder}/missing"),
        ("file/session.json", "Not a directory"),
        (".", "Is a directory"),
        ("a" * 300, "File name too long"),
    ],
)
def test_what_is_in_the_way_is_told_in_a_line_with_the_file(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="written") as told:
        write_whole(tmp_path / name, b"{}")

    assert str(told.value) == f"{tmp_path / name} can't be written: {reason.format(folder=tmp_path)}"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
