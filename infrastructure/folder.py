"""Files that are written whole, for their owner alone, durably; and folders of those that only ever grow."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Have a file hold this content, and never a part of it. What is there stays as it is if that fails.

    It blocks. Raises OSError, which says in a line which file it is and what is in the way.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # such as a pipe, or /dev/null: nothing may take its place
        else:
            _replace(path.resolve(), content)
    except OSError as error:
        is_lost = isinstance(error, FileNotFoundError)
        reason = f"there is no folder {path.parent}" if is_lost else error.strerror or error
        raise OSError(f"{path} can't be written: {reason}") from None


def write_once(path: Path, content: bytes) -> None:
    """Have a file hold this content, unless there is one: of several that come together, the first one's
    stands. It blocks. Raises OSError.
    """
    with _draft(path, content) as draft, suppress(FileExistsError):
        path.hardlink_to(draft)
    _sync(path.parent)


class Folder:
    """It blocks: it is for threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, name: str, content: bytes, is_more: Callable[[bytes, bytes], bool]) -> None:
        """Have this content under a name, unless what is there is as much. Raises OSError."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path / name
        if not path.exists() or self._is_more(path, content, is_more):
            write_whole(path, content)

    def _is_more(self, path: Path, content: bytes, is_more: Callable[[bytes, bytes], bool]) -> bool:
        try:
            return is_more(content, path.read_bytes())
        except OSError as error:
            raise OSError(f"{path}: {error.strerror or error}") from None


def _replace(path: Path, content: bytes) -> None:
    with _draft(path, content) as draft:
        draft.replace(path)
    _sync(path.parent)


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """Another file beside it that holds this content: a crash must not leave a part of it under its name."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "xb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    # A name is durable when its folder is: what is exported may be destroyed next, what a key seals stays.
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
