"""A folder of files that are written whole, durably, and never with less than was there."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


class Folder:
    """It blocks: it is for threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, name: str, content: bytes, is_more: Callable[[bytes, bytes], bool]) -> None:
        """Have this content under a name, unless what is there is as much. Raises OSError."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path / name
        if path.exists() and not self._is_more(path, content, is_more):
            return
        draft = self._path / f".{name}.{secrets.token_hex(4)}"
        try:
            with open(draft, "xb", opener=_private) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self._sync()

    def _is_more(self, path: Path, content: bytes, is_more: Callable[[bytes, bytes], bool]) -> bool:
        try:
            return is_more(content, path.read_bytes())
        except OSError as error:
            raise OSError(f"{path}: {error.strerror or error}") from None

    def _sync(self) -> None:
        # A name is durable when its folder is: what is exported is destroyed next.
        folder = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
