"""What auditors see: the session as it was, its events, and exports; and who else sees nothing."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from websockets.asyncio.client import connect

from api.sockets import SUBPROTOCOL
from projections.exports import EXPORTS
from tests.support.auditing import (
    SETTINGS,
    all_frames,
    audit,
    completed,
    dismissed,
    ends,
    path_of,
    replay_url,
    says,
)
from tests.support.elsewhere import erased
from tests.support.operators import OPERATOR, TOKEN
from tests.support.postgres import execute
from tests.support.puppet import Puppet
from tests.support.service import Service, Visitor, problem, served

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")

ENDPOINTS = ("events", "state", "replay", "export")


@pytest.fixture(scope="module")
def environment() -> Mapping[str, str]:
    return SETTINGS


# --- who may


async def test_nobody_else_is_told_anything_and_all_are_told_alike(visitor: Visitor) -> None:
    wrong = ("", TOKEN, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {visitor.visitor_id}")
    headers: list[dict[str, str]] = [{}, visitor.headers, *({"Authorization": value} for value in wrong)]

    async with visitor.service.http() as http:
        refusals = [
            await http.get(f"/api/audit/sessions/{session}/{endpoint}/", headers=given, params=params)
            for endpoint in ENDPOINTS
            for session in (visitor.session_id, uuid4())
            for given in headers
            for params in ({}, {"after": "nonsense", "version": "x", "speed": "0", "format": "x"})
        ]

    assert len({refused.content for refused in refusals}) == 1
    for refused in refusals:
        assert problem(refused)[:2] == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["cache-control"] == "no-store"


async def test_a_first_frame_may_bring_the_token(visitor: Visitor) -> None:
    await ends(visitor)

    async with connect(replay_url(visitor)) as connection:
        await connection.send(msgspec.json.encode({"type": "authenticate", "token": TOKEN}).decode())
        (frame,) = await all_frames(connection)

    assert frame["type"] == "session_end"
    assert connection.close_code == 1000


async def test_a_socket_without_the_token_is_closed_whatever_it_asks_for(visitor: Visitor) -> None:
    first_frames: list[str | bytes] = [
        *(f'{{"type": "authenticate", "token": "{token}"}}' for token in ("", "x", visitor.visitor_id, "é")),
        *('{"type": "authenticate"}', f'{{"type": "join", "token": "{TOKEN}"}}', TOKEN, "ping", "{", ""),
        *('{"type": "authenticate", "token": null}', '{"type": "authenticate", "token": "\\ud800"}'),
        f'{{"type": "authenticate", "token": "{TOKEN}"}}'.encode(),
    ]
    for url in (replay_url(visitor), replay_url(visitor, speed="0"), replay_url(visitor).split("?")[0]):
        for first in first_frames:
            async with connect(url) as connection:
                await connection.send(first)
                assert await dismissed(connection) == (4401, "unauthorized"), first
        for header in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {visitor.visitor_id}", ""):
            async with connect(url, additional_headers={"Authorization": header}) as connection:
                assert await dismissed(connection) == (4401, "unauthorized"), header


async def test_a_socket_that_doesnt_say_who_it_is_is_closed(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.replay_socket.AUTHENTICATE_SECONDS", 0.05)

    async with connect(replay_url(visitor)) as connection:
        assert await dismissed(connection) == (4401, "unauthorized")


async def test_pages_of_other_sites_may_not_even_try(visitor: Visitor) -> None:
    headers = {**OPERATOR, "Origin": "https://stranger.example"}

    async with connect(replay_url(visitor), additional_headers=headers) as connection:
        assert await dismissed(connection) == (4403, "origin_not_allowed")


async def test_operators_ask_so_often_a_minute_and_guesses_count(new_conninfo: str, data_dir: Path) -> None:
    few = {**SETTINGS, "VERBATIM_OPERATOR_REQUESTS_PER_MINUTE": "5"}
    elsewhere = {**OPERATOR, "X-Forwarded-For": "192.0.2.1"}
    async with served(new_conninfo, data_dir, Puppet(), few) as service, service.http() as http:
        visitor = await service.start_session()
        answers = [await audit(visitor, "state"), await audit(visitor, "events")]
        answers += [await http.get(path_of(visitor, endpoint)) for endpoint in ("state", "export")]
        async with connect(replay_url(visitor, speed="0"), additional_headers=OPERATOR) as connection:
            assert await dismissed(connection) == (4400, "invalid_request")

        refused = await audit(visitor, "export")
        async with connect(replay_url(visitor), additional_headers=OPERATOR) as connection:
            assert await dismissed(connection) == (4429, "rate_limited")
        unconcerned = await http.get(path_of(visitor, "state"), headers=elsewhere)

    assert unconcerned.status_code == 200, "who guesses locks out nobody at another address"
    assert [answer.status_code for answer in answers] == [200, 200, 401, 401]
    assert problem(refused)[:2] == (429, "rate_limited")
    assert problem(refused)[2] == "Too many requests: try again in a moment"


# --- bad input


BAD: list[tuple[str, dict[str, str], str]] = [
    # (endpoint; parameters, what is said of them)
    ("events", {"after": "99.0"}, "after is ahead of the session, which is at 1.0"),
    ("events", {"after": "nonsense"}, "after must be a cursor as frames carry it, such as 12.0"),
    ("events", {"after": "-1"}, "after must be a cursor"),
    ("events", {"limit": "0"}, "limit: Expected `int` >= 1"),
    ("events", {"limit": "1001"}, "limit: Expected `int` <= 1000"),
    ("events", {"limit": "many"}, "limit: Expected `int`"),
    ("state", {"version": "2"}, "version must be from 1 to 1, not 2"),
    ("state", {"version": "9" * 40}, "version must be from 1 to 1, not 999"),
    ("state", {"version": "0"}, "version: Expected `int` >= 1"),
    ("state", {"version": "latest"}, "version: Expected `int | null`"),
    ("state", {"version": "1", "at": "2026-01-02T03:04:05Z"}, "give version or at, not both"),
    ("state", {"at": "2001-01-02T03:04:05Z"}, "at must not be before the session's start, 20"),
    ("state", {"at": "2026-01-02T03:04:05"}, "at must be a moment with its time zone, such as"),
    ("state", {"at": "yesterday"}, "such as 2026-01-02T03:04:05Z, not 'yesterday'"),
    ("state", {"at": "1767323045"}, "at must be a moment"),
    ("state", {"at": ""}, "at must be a moment"),
    (
        "replay",
        {"speed": "0"},
        "from 0.000001 to 999999.999999 with six decimals at most, such as 1 or 2.5, or max",
    ),
    ("replay", {"speed": "-1"}, "not '-1'"),
    ("replay", {"speed": "nan"}, "not 'nan'"),
    ("replay", {"speed": ""}, "not ''"),
    ("replay", {"after": "2.0"}, "after is ahead of the session, which is at 1.0"),
    ("replay", {"after": "1.x"}, "after must be a cursor"),
    (
        "export",
        {"format": "pdf"},
        "format must be one of json, jsonl, csv, text, markdown, html, zip, not 'pdf'",
    ),
    ("export", {"format": "csv", "with_key": "true"}, "with_key is for format=zip, not csv"),
    ("export", {"format": ""}, "not ''"),
]


@pytest.mark.parametrize(("endpoint", "params", "said"), BAD)
async def test_what_cant_be_is_refused_with_what_would_be_right(
    visitor: Visitor, endpoint: str, params: dict[str, str], said: str
) -> None:
    refused = await audit(visitor, endpoint, **params)

    status, code, detail = problem(refused)
    assert (status, code) == (400, "invalid_request")
    assert said in detail
    if endpoint == "replay":
        async with connect(replay_url(visitor, **params), additional_headers=OPERATOR) as connection:
            assert await dismissed(connection) == (4400, "invalid_request")


async def test_the_moment_that_a_refusal_names_is_accepted_as_it_is_written(visitor: Visitor) -> None:
    (_, _, detail) = problem(await audit(visitor, "state", at="2001-01-02T03:04:05Z"))
    moment = detail.split()[-1]

    async with visitor.service.http() as http:
        answer = await http.get(f"{path_of(visitor, 'state')}?at={moment}", headers=OPERATOR)

    assert (answer.status_code, answer.json()["version"]) == (200, 1)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_session_that_there_isnt_is_not_found(service: Service, endpoint: str) -> None:
    nobody = Visitor(service, uuid4(), uuid4())

    assert problem(await audit(nobody, endpoint))[:2] == (404, "session_not_found")
    async with service.http() as http:
        malformed = await http.get(f"/api/audit/sessions/not-a-uuid/{endpoint}/", headers=OPERATOR)
    assert problem(malformed)[:2] == (404, "not_found")


async def test_a_socket_is_told_of_a_session_that_there_isnt(service: Service) -> None:
    nobody = Visitor(service, uuid4(), uuid4())
    bare = replay_url(nobody).split("?")[0]

    for url, expected in [
        (replay_url(nobody), (4404, "session_not_found")),
        (f"{bare}?session_id=not-a-uuid", (4400, "invalid_request")),
        (bare, (4400, "invalid_request")),
    ]:
        async with connect(url, additional_headers=OPERATOR) as connection:
            assert await dismissed(connection) == expected


# --- events and states


async def test_events_come_page_by_page(visitor: Visitor) -> None:
    async with visitor.socket() as socket:
        await completed(visitor, socket, Puppet())

    whole = (await audit(visitor, "events")).json()
    assert (whole["session_id"], whole["erased"], whole["has_more"]) == (
        str(visitor.session_id),
        False,
        False,
    )
    assert [event["version"] for event in whole["events"]] == list(range(1, len(whole["events"]) + 1))
    pages, cursor = [], None
    while True:
        page = (await audit(visitor, "events", limit=3, **({"after": cursor} if cursor else {}))).json()
        pages.append(page["events"])
        cursor = page["cursor"]
        if not page["has_more"]:
            break
    assert [event for page in pages for event in page] == whole["events"]
    assert {len(page) for page in pages[:-1]} == {3}
    rest = (await audit(visitor, "events", after=cursor)).json()
    assert (rest["events"], rest["cursor"], rest["has_more"]) == ([], cursor, False)


async def test_events_are_as_they_were_recorded(visitor: Visitor, conninfo: str) -> None:
    async with visitor.socket() as socket:
        await says(visitor, socket, "A lease name=Ann")

    told = (await audit(visitor, "events")).json()["events"]

    rows = execute(
        conninfo,
        "SELECT originator_version, topic, state FROM stored_events WHERE originator_id = %s ORDER BY 1",
        visitor.session_id,
    )
    assert [(event["version"], event["topic"]) for event in told] == [row[:2] for row in rows]
    for event, (version, _, state) in zip(told, rows, strict=True):
        envelope = msgspec.json.decode(state)
        assert datetime.fromisoformat(event["at"]).timestamp() * 1000 == envelope["at"]
        assert event["cause"] == envelope.get("cause", version - 1)
        assert envelope.get("data", {}).items() <= event["data"].items()
    assert told[1]["data"]["text"] == "A lease name=Ann"
    assert told[1]["personal"] == ["text", "client_message_id"]


async def test_a_session_is_shown_as_it_was_at_every_version_and_moment(visitor: Visitor) -> None:
    async with visitor.socket(subprotocol=SUBPROTOCOL) as socket:
        live = await completed(visitor, socket, Puppet())
    events = (await audit(visitor, "events")).json()["events"]
    transcript = await visitor.transcript()

    for event in events:
        was = (await audit(visitor, "state", version=event["version"])).json()
        shown = [
            frame for frame in live if int(frame["metadata"]["cursor"].split(".")[0]) <= event["version"]
        ]
        words = "".join(frame["chunk"] for frame in shown if frame["type"] == "chunk")
        assert (was["version"], was["at"]) == (event["version"], event["at"])
        assert "".join(entry["text"] for entry in was["screen"] if entry["who"] == "assistant") == words
        completes = [frame for frame in shown if frame["type"] == "complete"]
        if completes:
            assert was["conversation_data"] == completes[-1]["conversation_data"]
    last = events[-1]
    at_its_end = (await audit(visitor, "state", at=last["at"])).json()
    for now in (
        (await audit(visitor, "state")).json(),
        (await audit(visitor, "state", at="2999-01-01T00:00:00+00:00")).json(),
        at_its_end,
    ):
        assert (now["version"], now["status"], now["screen"]) == (
            last["version"],
            "completed",
            transcript["entries"],
        )
    before = datetime.fromisoformat(events[0]["at"]) + timedelta(microseconds=500)
    at_its_start = (await audit(visitor, "state", at=before.isoformat())).json()
    assert (at_its_start["status"], at_its_start["screen"]) == ("active", [])


# --- exports


@pytest.mark.parametrize("format", EXPORTS)
async def test_a_session_can_be_taken_away_in_every_format(visitor: Visitor, format: str) -> None:
    async with visitor.socket() as socket:
        await says(visitor, socket, "A <b>novated</b> lease")
    await ends(visitor)

    answer = await audit(visitor, "export", format=format)

    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == EXPORTS[format].media_type
    name = f"session-{visitor.session_id}.{EXPORTS[format].extension}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["cache-control"] == "no-store"
    assert "novated" in answer.text
    match format:
        case "json":
            assert answer.json() == await visitor.transcript()
        case "jsonl":
            lines = [msgspec.json.decode(line) for line in answer.text.splitlines()]
            assert lines == (await audit(visitor, "events")).json()["events"]
        case "csv":
            rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
            assert [row["who"] for row in rows] == ["visitor", "assistant", "service"]
        case "html":
            assert "<script" not in answer.text
            assert "&lt;b&gt;novated&lt;/b&gt;" in answer.text


async def test_without_a_format_it_is_json(visitor: Visitor) -> None:
    assert (await audit(visitor, "export")).json() == await visitor.transcript()


# --- a visitor who was erased


async def test_of_an_erased_visitor_auditors_see_what_happened_and_nothing_that_was_said(
    visitor: Visitor, conninfo: str, data_dir: Path
) -> None:
    async with visitor.socket() as socket:
        await says(visitor, socket, "A novated lease name=Annabel ?Benefits?")
    before = (await audit(visitor, "events")).json()["events"]
    await erased(visitor, conninfo, data_dir)

    events = (await audit(visitor, "events")).json()
    assert events["erased"] is True
    for was, now in zip(before, events["events"], strict=False):
        clear = {name: value for name, value in was["data"].items() if name not in was["personal"]}
        assert now == {**was, "data": clear}
    assert [event["topic"] for event in events["events"][-2:]] == ["session_ended.v1", "visitor_erased.v1"]
    page = (await audit(visitor, "events", limit=2)).json()
    assert (page["erased"], page["events"], page["has_more"]) == (True, events["events"][:2], True)
    answers = [await audit(visitor, "export", format=name) for name in EXPORTS]
    answers += [await audit(visitor, "state", version=event["version"]) for event in events["events"]]
    for answer in answers:
        assert answer.status_code == 200
        assert not [trace for trace in ("novated", "Annabel", "Benefits") if trace in answer.text]
    assert "[erased]" in answers[list(EXPORTS).index("text")].text
    assert problem(await audit(visitor, "replay"))[:2] == (410, "session_erased")
    async with connect(replay_url(visitor), additional_headers=OPERATOR) as connection:
        assert await dismissed(connection) == (4410, "session_erased")
