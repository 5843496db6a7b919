"""Settings: one frozen struct from one mapping of environment variables, read nowhere else."""

import base64
import re
import secrets
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from infrastructure.folder import write_once

KEY_BYTES = 32

T = TypeVar("T")


class SettingsError(Exception):
    """A variable has a value that isn't accepted: one line that names all three."""

    def __init__(self, name: str, value: str, accepted: str) -> None:
        super().__init__(f"{name}={value!r} is not accepted: {accepted}")


class Settings(Struct, frozen=True, kw_only=True):
    """All that an operator can set."""

    database_url: str | None
    redis_url: str | None
    host: str
    port: int
    data_dir: Path
    assistant: Literal["guide", "openai"]
    persona: Path | None
    words_per_second: int
    openai_api_key: str
    openai_base_url: str | None
    openai_model: str
    idle_warning_seconds: int
    idle_end_seconds: int
    session_ttl_seconds: int
    chunk_window_ms: int
    max_message_chars: int
    max_frame_bytes: int
    max_pending_bytes: int
    messages_per_minute: int
    messages_per_session: int
    sessions_per_minute: int
    operator_requests_per_minute: int
    sockets_per_address: int
    sockets_per_session: int
    frames_per_second: int
    allowed_origins: frozenset[str]
    trusted_proxies: tuple[str, ...]
    grace_seconds: int
    master_key: bytes | None
    signing_key: bytes | None
    checkpoint_seconds: int
    operator_token: str | None
    retention_days: int | None
    retention_export_dir: Path | None
    otlp_endpoint: str | None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that an environment gives. Raises SettingsError."""
    read = _Reader(environment)
    idle_warning = read.integer("VERBATIM_IDLE_WARNING_SECONDS", 120, 1, 31_536_000)
    has_model = bool(read.text("OPENAI_API_KEY") or read.text("OPENAI_BASE_URL"))
    assistant = read.choice("VERBATIM_ASSISTANT", "openai" if has_model else "guide", "guide", "openai")
    if assistant == "openai" and not has_model:
        accepted = "set OPENAI_API_KEY or OPENAI_BASE_URL as well"
        raise SettingsError("VERBATIM_ASSISTANT", assistant, accepted)
    retention_days = read.integer_if_set("VERBATIM_RETENTION_DAYS", 1, 36_500)
    export_dir = read.folder("VERBATIM_RETENTION_EXPORT_DIR")
    if export_dir and retention_days is None:
        raise SettingsError(
            "VERBATIM_RETENTION_EXPORT_DIR", str(export_dir), "set VERBATIM_RETENTION_DAYS as well"
        )
    return Settings(
        database_url=read.conninfo("DATABASE_URL"),
        redis_url=read.redis("REDIS_URL"),
        host=read.text("VERBATIM_HOST", "127.0.0.1"),
        port=read.integer("VERBATIM_PORT", 8000, 0, 65535),
        data_dir=Path(read.text("VERBATIM_DATA_DIR", "data")),
        assistant=assistant,
        persona=read.file("VERBATIM_PERSONA"),
        words_per_second=read.integer("VERBATIM_WORDS_PER_SECOND", 25, 0, 1000),
        openai_api_key=read.text("OPENAI_API_KEY", "none"),
        openai_base_url=read.url("OPENAI_BASE_URL"),
        openai_model=read.text("OPENAI_MODEL", "gpt-4o-mini"),
        idle_warning_seconds=idle_warning,
        idle_end_seconds=read.integer(
            "VERBATIM_IDLE_END_SECONDS", 2 * idle_warning, idle_warning + 1, 63_072_000
        ),
        session_ttl_seconds=read.integer("VERBATIM_SESSION_TTL_SECONDS", 86_400, 1, 31_536_000),
        chunk_window_ms=read.integer("VERBATIM_CHUNK_WINDOW_MS", 100, 0, 10_000),
        max_message_chars=read.integer("VERBATIM_MAX_MESSAGE_CHARS", 4000, 1, 100_000),
        max_frame_bytes=read.integer("VERBATIM_MAX_FRAME_BYTES", 262_144, 1024, 16_777_216),
        max_pending_bytes=read.integer("VERBATIM_MAX_PENDING_BYTES", 65_536, 1024, 16_777_216),
        messages_per_minute=read.integer("VERBATIM_MESSAGES_PER_MINUTE", 30, 1, 10_000),
        messages_per_session=read.integer("VERBATIM_MESSAGES_PER_SESSION", 1000, 1, 100_000),
        sessions_per_minute=read.integer("VERBATIM_SESSIONS_PER_MINUTE", 60, 1, 1_000_000),
        operator_requests_per_minute=read.integer("VERBATIM_OPERATOR_REQUESTS_PER_MINUTE", 600, 1, 1_000_000),
        sockets_per_address=read.integer("VERBATIM_SOCKETS_PER_ADDRESS", 200, 1, 1_000_000),
        sockets_per_session=read.integer("VERBATIM_SOCKETS_PER_SESSION", 20, 1, 10_000),
        frames_per_second=read.integer("VERBATIM_FRAMES_PER_SECOND", 50, 1, 100_000),
        allowed_origins=read.origins("VERBATIM_ALLOWED_ORIGINS"),
        trusted_proxies=read.addresses("VERBATIM_TRUSTED_PROXIES", ("127.0.0.1", "::1")),
        grace_seconds=read.integer("VERBATIM_GRACE_SECONDS", 30, 0, 3600),
        master_key=read.key("VERBATIM_MASTER_KEY"),
        signing_key=read.key("VERBATIM_SIGNING_KEY"),
        checkpoint_seconds=read.integer("VERBATIM_CHECKPOINT_SECONDS", 60, 1, 86_400),
        operator_token=read.token("VERBATIM_OPERATOR_TOKEN"),
        retention_days=retention_days,
        retention_export_dir=export_dir,
        otlp_endpoint=read.url("OTEL_EXPORTER_OTLP_ENDPOINT"),
    )


def master_key_file(data_dir: Path) -> Path:
    """Where a data folder keeps its master key."""
    return data_dir / "master.key"


def operator_token_file(data_dir: Path) -> Path:
    """Where it keeps its operators' token."""
    return data_dir / "operator.token"


def read_master_key(data_dir: Path) -> bytes | None:
    """The master key of a data folder, if it has one. Raises SettingsError for a file that holds no key."""
    path = master_key_file(data_dir)
    return _key(str(path), _secret(path)) if path.exists() else None


def read_operator_token(data_dir: Path) -> str | None:
    """The operators' token of a data folder, likewise."""
    path = operator_token_file(data_dir)
    return _token(str(path), _secret(path)) if path.exists() else None


def keep_master_key(data_dir: Path) -> bytes:
    """The master key of a data folder, made on first use, readable by its owner alone.

    Raises SettingsError where the file doesn't hold a key.
    """
    path = master_key_file(data_dir)
    return _key(str(path), _kept(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()))


def keep_operator_token(data_dir: Path) -> str:
    """The operators' token of a data folder, kept like the master key. Raises SettingsError likewise."""
    path = operator_token_file(data_dir)
    return _token(str(path), _kept(path, secrets.token_urlsafe(KEY_BYTES)))


def _kept(path: Path, new: str) -> str:
    """The secret that a file holds: the new one, where there is no file yet. Raises SettingsError."""
    try:
        return _kept_in(path, new)
    except OSError as error:
        why = error.strerror or type(error).__name__
        accepted = f"give a folder that this user may write ({why}), or the secrets as settings"
        raise SettingsError("VERBATIM_DATA_DIR", str(path.parent), accepted) from None


def _kept_in(path: Path, new: str) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Durable before anything is sealed with it.
        write_once(path, f"{new}\n".encode())
    return _secret(path)


def _secret(path: Path) -> str:
    # What isn't text, such as a key that isn't in base64, is refused as what it reads as.
    return path.read_text("utf-8", errors="replace").strip()


class _Reader:
    """Reads one variable at a time, and says what is wrong with it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str = "") -> str:
        return self._environment.get(name, "").strip() or default

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        number = self.integer_if_set(name, least, most)
        return default if number is None else number

    def integer_if_set(self, name: str, least: int, most: int) -> int | None:
        def parse(value: str) -> int:
            number = int(value)
            if not least <= number <= most:
                raise ValueError
            return number

        return self._parsed(name, None, parse, f"give a whole number from {least} to {most}")

    def choice(self, name: str, default: str, *choices: str) -> Any:
        def parse(value: str) -> str:
            return choices[choices.index(value)]

        return self._parsed(name, default, parse, "give one of " + ", ".join(choices))

    def file(self, name: str) -> Path | None:
        def parse(value: str) -> Path:
            path = Path(value)
            if not path.is_file():
                raise ValueError
            return path

        return self._parsed(name, None, parse, "give the path of a file that exists")

    def folder(self, name: str) -> Path | None:
        def parse(value: str) -> Path:
            path = Path(value)
            if path.exists() and not path.is_dir():
                raise ValueError
            return path

        return self._parsed(name, None, parse, "give the path of a folder; it is made where there is none")

    def conninfo(self, name: str) -> str | None:
        value = self.text(name)
        try:
            conninfo_to_dict(value)
        except ProgrammingError:
            # It may hold a password: it isn't repeated.
            accepted = "give an address such as postgresql://user@host/database"
            raise SettingsError(name, "...", accepted) from None
        return value or None

    def url(self, name: str) -> str | None:
        value = self.text(name)
        if value and not _is_url(value):
            # Before an @ there may be a password: then it isn't repeated.
            shown = "..." if "@" in value else value
            raise SettingsError(name, shown, "give a URL such as http://127.0.0.1:8080")
        return value or None

    def redis(self, name: str) -> str | None:
        value = self.text(name)
        if value and not _is_redis(value):
            # It may hold a password: it isn't repeated.
            raise SettingsError(name, "...", "give an address such as redis://host:6379/0")
        return value or None

    def origins(self, name: str) -> frozenset[str]:
        def parse(value: str) -> frozenset[str]:
            origins = frozenset(
                _normalised(origin.strip().lower().rstrip("/")) for origin in value.split(",")
            )
            if not all(origin == "*" or _is_origin(origin) for origin in origins):
                raise ValueError
            return origins

        accepted = "give origins such as https://shop.example, with commas between them, or * for all"
        return self._parsed(name, frozenset(), parse, accepted)

    def addresses(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        def parse(value: str) -> tuple[str, ...]:
            return tuple(_network(address.strip()) for address in value.split(","))

        accepted = "give addresses or networks such as 10.0.0.0/8, with commas between them"
        return self._parsed(name, default, parse, accepted)

    def key(self, name: str) -> bytes | None:
        value = self.text(name)
        return _key(name, value) if value else None

    def token(self, name: str) -> str | None:
        value = self.text(name)
        return _token(name, value) if value else None

    def _parsed(self, name: str, default: T, parse: Callable[[str], T], accepted: str) -> T:
        value = self.text(name)
        if not value:
            return default
        try:
            return parse(value)
        except ValueError:
            raise SettingsError(name, value, accepted) from None


def _network(value: str) -> str:
    network = ip_network(value)
    return str(network if network.num_addresses > 1 else network.network_address)


def _is_origin(value: str) -> bool:
    if not _is_url(value):
        return False
    parts = urlsplit(value)
    return not (parts.path or parts.query or parts.fragment or "@" in value or "*" in value)


def _normalised(origin: str) -> str:
    """As browsers name it: without the port that goes without saying."""
    for scheme, port in (("https", ":443"), ("http", ":80")):
        if origin.startswith(f"{scheme}://"):
            return origin.removesuffix(port)
    return origin


def _is_redis(value: str) -> bool:
    if value.startswith("unix://"):
        return True
    try:
        url = urlsplit(value)
        _ = url.port  # it may be none
    except ValueError:
        return False
    is_known = url.scheme in ("redis", "rediss") and bool(url.hostname)
    return is_known and re.fullmatch(r"(/[0-9]*)?", url.path) is not None


def _is_url(value: str) -> bool:
    try:
        url = urlsplit(value)
        _ = url.port  # it may be none
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and value.split() == [value]


def _key(name: str, value: str) -> bytes:
    try:
        key = base64.b64decode(value, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        # The value is a secret, or was meant to be one: it isn't repeated.
        raise SettingsError(name, "...", f"give {KEY_BYTES} random bytes in base64")
    return key


def _token(name: str, value: str) -> str:
    if not re.fullmatch(r"[!-~]{16,}", value):
        raise SettingsError(name, "...", "give at least 16 characters from ! to ~, without spaces")
    return value
