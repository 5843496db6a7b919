"""Settings: what an environment gives, and one line for each value that isn't accepted."""

import base64
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.settings import (
    KEY_BYTES,
    SettingsError,
    keep_master_key,
    keep_operator_token,
    read_master_key,
    read_operator_token,
    read_settings,
)

KEY = base64.b64encode(bytes(range(KEY_BYTES))).decode()

NUMBERS = {
    "VERBATIM_PORT": ("port", 0, 65_535),
    "VERBATIM_WORDS_PER_SECOND": ("words_per_second", 0, 1000),
    "VERBATIM_SESSION_TTL_SECONDS": ("session_ttl_seconds", 1, 31_536_000),
    "VERBATIM_CHUNK_WINDOW_MS": ("chunk_window_ms", 0, 10_000),
    "VERBATIM_CHECKPOINT_SECONDS": ("checkpoint_seconds", 1, 86_400),
    "VERBATIM_MAX_MESSAGE_CHARS": ("max_message_chars", 1, 100_000),
    "VERBATIM_MESSAGES_PER_SESSION": ("messages_per_session", 1, 100_000),
    "VERBATIM_RETENTION_DAYS": ("retention_days", 1, 36_500),
}


def test_an_empty_environment_gives_a_service_that_works() -> None:
    settings = read_settings({})

    assert settings.database_url is None
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.data_dir == Path("data")
    assert settings.assistant == "guide"
    assert settings.persona is None
    assert settings.master_key is None
    assert settings.session_ttl_seconds == 24 * 60 * 60
    assert settings.chunk_window_ms == 100


@pytest.mark.parametrize(
    ("name", "value"), [("OPENAI_API_KEY", "x"), ("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")]
)
def test_a_model_that_is_set_answers_unless_another_is_asked_for(name: str, value: str) -> None:
    assert read_settings({name: value}).assistant == "openai"
    assert read_settings({name: value, "VERBATIM_ASSISTANT": "openai"}).assistant == "openai"
    assert read_settings({name: value, "VERBATIM_ASSISTANT": "guide"}).assistant == "guide"
    assert read_settings({name: " "}).assistant == "guide"


def test_a_model_that_is_asked_for_must_be_set() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"VERBATIM_ASSISTANT": "openai"})

    assert str(refused.value) == (
        "VERBATIM_ASSISTANT='openai' is not accepted: set OPENAI_API_KEY or OPENAI_BASE_URL as well"
    )


@pytest.mark.parametrize("url", ["http://localhost:8080/v1", "https://ann:secret@models.example.com/v1"])
def test_a_model_s_server_is_given_by_a_url(url: str) -> None:
    assert read_settings({"OPENAI_BASE_URL": url}).openai_base_url == url


@pytest.mark.parametrize(
    "value",
    [
        "notaurl",
        "localhost:8080",
        "ftp://x/v1",
        "http://",
        "http:///v1",
        "http://x:port/",
        "http://[x",
        "http://x y",
    ],
)
def test_any_other_url_is_refused_with_what_is_accepted(value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"OPENAI_BASE_URL": value})

    assert str(refused.value) == (
        f"OPENAI_BASE_URL={value!r} is not accepted: give a URL such as http://127.0.0.1:8080"
    )


@pytest.mark.parametrize("value", ["ftp://ann:secret@x/v1", "http://ann:sec/ret@x:port", "ann:secret@x"])
def test_a_url_that_may_hold_a_password_is_not_repeated(value: str) -> None:
    with pytest.raises(SettingsError, match=r"OPENAI_BASE_URL='\.\.\.' is not accepted: give a URL such as"):
        read_settings({"OPENAI_BASE_URL": value})


@pytest.mark.parametrize("name", [*NUMBERS, "DATABASE_URL", "VERBATIM_ASSISTANT", "VERBATIM_MASTER_KEY"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_a_variable_that_is_blank_counts_as_not_set(name: str, blank: str) -> None:
    assert read_settings({name: blank}) == read_settings({})


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_accepted_from_the_least_to_the_most(name: str) -> None:
    field, least, most = NUMBERS[name]

    assert getattr(read_settings({name: str(least)}), field) == least
    assert getattr(read_settings({name: f" {most} "}), field) == most


@pytest.mark.parametrize("name", NUMBERS)
def test_any_other_number_is_refused_with_name_value_and_what_is_accepted(name: str) -> None:
    _, least, most = NUMBERS[name]

    for value in [str(least - 1), str(most + 1), "x", "1.5", "1e3", "--"]:
        with pytest.raises(SettingsError) as refused:
            read_settings({name: value})
        assert str(refused.value) == (
            f"{name}={value!r} is not accepted: give a whole number from {least} to {most}"
        )


def test_a_choice_that_there_isnt_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"VERBATIM_ASSISTANT": "hal"})

    assert str(refused.value) == "VERBATIM_ASSISTANT='hal' is not accepted: give one of guide, openai"


def test_a_file_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "persona.toml"
    with pytest.raises(SettingsError, match="is not accepted: give the path of a file that exists"):
        read_settings({"VERBATIM_PERSONA": str(path)})

    path.touch()

    assert read_settings({"VERBATIM_PERSONA": str(path)}).persona == path


@pytest.mark.parametrize("url", ["postgresql://app@db/chat", "host=/run/postgresql dbname=chat"])
def test_a_database_is_given_as_an_address_or_in_keywords(url: str) -> None:
    assert read_settings({"DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "url", ["chat", "mysql://app:secret@db/chat", "postgresql://app:secret@db:port/x?y=1"]
)
def test_an_address_that_cant_be_one_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"DATABASE_URL": url})

    assert str(refused.value).startswith("DATABASE_URL='...' is not accepted: give an address such as")
    assert "secret" not in str(refused.value)


ANY = [*NUMBERS, "DATABASE_URL", "VERBATIM_ASSISTANT", "OPENAI_BASE_URL"]


@given(st.dictionaries(st.sampled_from(ANY), st.text()))
def test_any_environment_at_all_is_read_or_refused_in_one_line(environment: dict[str, str]) -> None:
    refusal = ""
    try:
        read_settings(environment)
    except SettingsError as refused:
        refusal = str(refused)

    assert len(refusal.splitlines()) <= 1


# --- the master key


def test_a_master_key_is_32_bytes_in_base64() -> None:
    assert read_settings({"VERBATIM_MASTER_KEY": KEY}).master_key == bytes(range(KEY_BYTES))


@pytest.mark.parametrize(
    "value", [KEY[:-4], KEY + KEY, "not base64!", "ä", base64.b64encode(b"short").decode()]
)
def test_a_secret_that_isnt_accepted_is_not_repeated(value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"VERBATIM_MASTER_KEY": value})

    assert str(refused.value) == ("VERBATIM_MASTER_KEY='...' is not accepted: give 32 random bytes in base64")


def test_a_master_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"

    key = keep_master_key(folder)

    assert len(key) == KEY_BYTES
    assert keep_master_key(folder) == key
    assert stat.S_IMODE((folder / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["master.key"], "no draft is left behind"
    assert keep_master_key(tmp_path / "another") != key


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: keep_master_key(tmp_path), range(8)))

    assert len(keys) == 1


def test_a_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text("half a k")

    with pytest.raises(SettingsError, match=r"master\.key='...' is not accepted"):
        keep_master_key(tmp_path)

    assert path.read_text() == "half a k"


@pytest.mark.parametrize("keep", [keep_master_key, read_master_key, keep_operator_token, read_operator_token])
def test_a_file_of_bytes_that_are_no_text_is_refused_in_one_line(
    keep: Callable[[Path], object], tmp_path: Path
) -> None:
    for name in ("master.key", "operator.token"):
        (tmp_path / name).write_bytes(bytes([0xFF] * KEY_BYTES))

    with pytest.raises(SettingsError, match=r"='...' is not accepted: give [^\n]+$"):
        keep(tmp_path)


# --- the operators' token


def test_an_operators_token_is_16_characters_or_more_without_spaces() -> None:
    assert read_settings({}).operator_token is None
    assert read_settings({"VERBATIM_OPERATOR_TOKEN": "t" * 16}).operator_token == "t" * 16

    for value in ("t" * 15, "a token with a space", "a-token-with-\xe9"):
        with pytest.raises(SettingsError) as refused:
            read_settings({"VERBATIM_OPERATOR_TOKEN": value})
        assert str(refused.value).startswith(
            "VERBATIM_OPERATOR_TOKEN='...' is not accepted: give at least 16"
        )


def test_an_operators_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    token = keep_operator_token(tmp_path / "data")

    assert keep_operator_token(tmp_path / "data") == token
    assert len(token) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "operator.token").stat().st_mode) == 0o600
    assert read_settings({"VERBATIM_OPERATOR_TOKEN": token}).operator_token == token


def test_a_file_that_holds_no_token_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    path.touch()

    with pytest.raises(SettingsError, match=r"operator\.token='...' is not accepted"):
        keep_operator_token(tmp_path)

    assert path.read_text() == ""


def test_a_folder_that_can_t_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    nowhere = tmp_path / "a file"
    nowhere.touch()

    for keep in (keep_master_key, keep_operator_token):
        with pytest.raises(SettingsError, match=r"VERBATIM_DATA_DIR='.*/a file' is not accepted: .*secrets"):
            keep(nowhere)


def test_what_is_exported_before_it_is_erased_needs_to_be_erased_some_day(tmp_path: Path) -> None:
    folder = {"VERBATIM_RETENTION_EXPORT_DIR": str(tmp_path / "not" / "there" / "yet")}

    assert read_settings({**folder, "VERBATIM_RETENTION_DAYS": "30"}).retention_export_dir
    with pytest.raises(SettingsError, match="is not accepted: set VERBATIM_RETENTION_DAYS as well"):
        read_settings(folder)


def test_exports_are_not_written_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = {"VERBATIM_RETENTION_EXPORT_DIR": str(tmp_path / "file"), "VERBATIM_RETENTION_DAYS": "30"}

    with pytest.raises(SettingsError, match="give the path of a folder; it is made where there is none"):
        read_settings(folder)


@pytest.mark.parametrize(
    "url", ["redis://:pa55@h:notaport/0", "redis://:pa55@h/abc", "redis://:pa55@h:99999/0", "redis://"]
)
def test_an_address_of_redis_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"REDIS_URL": url})

    assert "REDIS_URL" in str(refused.value)
    assert "pa55" not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://h", "redis://:pa55@h:6379/0", "rediss://h/", "unix:///run/redis"])
def test_addresses_of_redis_are_accepted(url: str) -> None:
    assert read_settings({"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    "origin", ["https://*.shop.example", "https://me@shop.example", "https://shop.example/*"]
)
def test_an_origin_that_no_browser_would_send_is_refused(origin: str) -> None:
    with pytest.raises(SettingsError, match="VERBATIM_ALLOWED_ORIGINS"):
        read_settings({"VERBATIM_ALLOWED_ORIGINS": origin})


def test_the_usual_port_of_an_origin_goes_without_saying() -> None:
    origins = "https://a.example:443,http://b.example:80,http://c.example:443"

    assert read_settings({"VERBATIM_ALLOWED_ORIGINS": origins}).allowed_origins == {
        "https://a.example",
        "http://b.example",
        "http://c.example:443",
    }


def test_proxies_are_trusted_by_address_or_by_network_of_either_kind() -> None:
    proxies = "192.0.2.1, 192.0.2.2/32, 10.0.0.0/8, 2001:db8::/32, 2001:db8::7/128"

    assert read_settings({"VERBATIM_TRUSTED_PROXIES": proxies}).trusted_proxies == (
        "192.0.2.1",
        "192.0.2.2",
        "10.0.0.0/8",
        "2001:db8::/32",
        "2001:db8::7",
    )
    assert read_settings({}).trusted_proxies == ("127.0.0.1", "::1"), "those of the same machine"
