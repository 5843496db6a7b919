"""What operators ask of all conversations together: as JSON or CSV, of some days or of all."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from projections.questions import Day, Hour, Sums
from projections.rollups import DAILY, HOURLY, SUMS
from tests.support.assistants import Echo
from tests.support.histories import demo
from tests.support.operators import OPERATOR, SETTINGS
from tests.support.postgres import execute
from tests.support.projecting import projecting
from tests.support.service import Service, served
from tests.support.stores import Stores

QUESTIONS = ("overview", "daily", "hourly", "replies", "endings", "suggestions", "details")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    stores = Stores(conninfo)
    await demo(await stores.open(), 80)
    await stores.close()
    with projecting(conninfo) as process:
        process.catch_up()
    async with served(conninfo, tmp_path_factory.mktemp("data"), Echo(), SETTINGS) as service:
        yield service


async def asked(service: Service, question: str, query: str = "", **headers: str) -> httpx.Response:
    async with service.http() as http:
        return await http.get(f"/api/analytics/{question}/?{query}", headers={**OPERATOR, **headers})


async def told(service: Service, question: str, query: str = "") -> list[dict]:
    answer = await asked(service, question, query)
    assert answer.status_code == 200, answer.text
    return answer.json() if question != "overview" else [answer.json()]


# --- what is told


async def test_an_overview_sums_up_what_the_tables_hold(service: Service, conninfo: str) -> None:
    (overview,) = await told(service, "overview")

    for name, query in {
        "conversations": "SELECT count(*) FROM analytics.sessions",
        "visitors": "SELECT count(DISTINCT visitor_key) FROM analytics.sessions",
        "messages": "SELECT count(*) FROM analytics.messages",
        "failed_replies": "SELECT count(*) FROM analytics.replies WHERE outcome = 'failed'",
        "unanswered": "SELECT count(*) FROM analytics.replies WHERE is_unanswered",
        "words": "SELECT sum(words) FROM analytics.replies",
        "taken_suggestions": "SELECT count(*) FROM analytics.suggestions WHERE is_taken",
        "emails": "SELECT count(*) FROM analytics.details WHERE key = 'email'",
        "ended_deleted": "SELECT count(*) FROM analytics.endings WHERE reason = 'deleted'",
        "median_first_word_ms": "SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY first_word_ms)) "
        "FROM analytics.replies",
    }.items():
        assert overview[name] == execute(conninfo, query)[0][0], name


@pytest.mark.parametrize("question", ["daily", "hourly"])
async def test_days_and_hours_are_those_of_the_views(service: Service, conninfo: str, question: str) -> None:
    columns = [name for name in (await told(service, question))[0] if name != "starts_at"]
    rows = execute(
        conninfo, f"SELECT starts_at, {', '.join(columns)} FROM analytics.{question} ORDER BY starts_at"
    )

    assert [
        (datetime.fromisoformat(row["starts_at"]), *(row[name] for name in columns))
        for row in await told(service, question)
    ] == [tuple(value.isoformat() if type(value) is date else value for value in row) for row in rows]


def test_the_structs_are_those_of_the_views() -> None:
    assert Sums.__struct_fields__ == ("starts_at", *SUMS)
    assert Day.__struct_fields__ == tuple(DAILY.columns)
    assert Hour.__struct_fields__ == tuple(HOURLY.columns)


async def test_replies_and_endings_are_told_by_what_became_of_them(service: Service) -> None:
    (overview,) = await told(service, "overview")
    replies, endings = await told(service, "replies"), await told(service, "endings")

    assert sum(group["replies"] for group in replies) == overview["replies"]
    assert {group["assistant"] for group in replies} == {"guide", "openai"}
    assert all((group["failure"] is None) == (group["outcome"] != "failed") for group in replies)
    assert {group["reason"]: group["conversations"] for group in endings} == {
        reason: count
        for reason in ("completed", "idle_timeout", "expired", "deleted")
        if (count := overview[f"ended_{reason}"])
    }
    assert sum(group["share"] for group in endings) == pytest.approx(1, abs=0.001)


async def test_suggestions_and_details_are_told_with_their_shares(service: Service) -> None:
    (overview,) = await told(service, "overview")
    suggestions, details = await told(service, "suggestions"), await told(service, "details")

    assert sum(each["offered"] for each in suggestions) == overview["suggestions"]
    assert suggestions == sorted(
        suggestions, key=lambda each: (-each["taken"], -each["offered"], each["text"])
    )
    for each in suggestions:
        assert each["share"] == pytest.approx(each["taken"] / each["offered"], abs=1e-4)
    emails = next(each for each in details if each["key"] == "email")
    assert emails["conversations"] == overview["emails"]
    assert 0 < emails["share"] < 1
    assert emails["median_message_number"] >= 1


@pytest.mark.parametrize("question", QUESTIONS)
async def test_days_of_a_range_count_whole_and_no_others(service: Service, question: str) -> None:
    days = [row["day"] for row in await told(service, "daily")]

    one = await told(service, "daily", f"since={days[3]}&until={days[3]}")
    some = await told(service, "daily", f"since={days[3]}&until={days[6]}")

    assert [row["day"] for row in one] == [days[3]]
    assert [row["day"] for row in some] == days[3:7]
    assert await told(service, question, f"since={days[0]}&until={days[-1]}") == await told(service, question)
    assert await told(service, question, "until=9999-12-31") == await told(service, question)
    assert await told(service, question, "since=2020-01-01&until=2030-01-07") == await told(service, question)


async def test_where_nothing_happened_nothing_is_told(service: Service) -> None:
    query = "since=2020-01-01&until=2020-12-31"

    for question in QUESTIONS[1:]:
        assert await told(service, question, query) == []
    (overview,) = await told(service, "overview", query)
    assert overview["conversations"] == 0
    assert overview["starts_at"] is overview["median_first_word_ms"] is None


# --- as CSV


@pytest.mark.parametrize("question", QUESTIONS)
async def test_csv_tells_what_json_tells(service: Service, question: str) -> None:
    rows = await told(service, question)

    for answer in (
        await asked(service, question, "format=csv"),
        await asked(service, question, accept="text/csv"),
        await asked(service, question, "format=csv", accept="application/json"),
    ):
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["cache-control"] == "no-store"
        shown = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert [list(row) for row in shown] == [list(row) for row in rows]
        assert shown == [
            {name: "" if value is None else str(value) for name, value in row.items()} for row in rows
        ]


async def test_the_format_that_is_named_counts_more_than_the_header(service: Service) -> None:
    answer = await asked(service, "daily", "format=json", accept="text/csv")

    assert answer.json() == await told(service, "daily")


# --- what is refused


@pytest.mark.parametrize("question", [f"analytics/{question}" for question in QUESTIONS] + ["audit/sessions"])
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=2026-10-31&until=2026-10-01", "since=2026-10-31 is after until=2026-10-01"),
        (
            "since=2020-01-01&until=2030-01-08",
            "2020-01-01 until 2030-01-08 is more than 3660 days: give 2020-01-02",
        ),
        ("since=0001-01-01&until=9999-12-31", "until 9999-12-31 is more than 3660 days"),
        ("since=0001-01-01", "since=0001-01-01 until 20"),
        ("since=yesterday", "since"),
        ("since=2026-02-30", "since"),
        ("since=", "since"),
        ("until=2026-13-01", "until"),
        ("until=31.10.2026", "until"),
        ("until=1e9", "until"),
        ("since=2026-10-01'%20OR%20'1'='1", "since"),
        ("since=%00", "since"),
    ],
)
async def test_days_that_are_none_are_told_as_problems(
    service: Service, question: str, query: str, says: str
) -> None:
    async with service.http() as http:
        refused = await http.get(f"/api/{question}/?{query}", headers=OPERATOR)

    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "invalid_request"
    assert says in refused.json()["detail"]


@pytest.mark.parametrize("format", ["xml", "CSV", "", "json,csv"])
async def test_a_format_that_isnt_there_is_told_as_a_problem(service: Service, format: str) -> None:
    refused = await asked(service, "daily", f"format={format}")

    assert refused.status_code == 400
    assert refused.json()["code"] == "invalid_request"
    assert "format" in refused.json()["detail"]


async def test_a_question_that_isnt_there_is_not_found(service: Service) -> None:
    refused = await asked(service, "monthly")

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("question", [f"analytics/{question}" for question in QUESTIONS] + ["audit/sessions"])
async def test_nobody_else_is_told(service: Service, question: str) -> None:
    async with service.http() as http:
        for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": "Basic nobody"}):
            refused = await http.get(f"/api/{question}/?since=nonsense", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")


async def test_a_service_that_has_just_been_set_up_tells_that_nothing_happened(
    new_conninfo: str, data_dir: Path
) -> None:
    async with served(new_conninfo, data_dir, Echo(), SETTINGS) as service, service.http() as http:
        assert await told(service, "replies") == await told(service, "daily") == []
        listed = await http.get("/api/audit/sessions/", headers=OPERATOR)
        assert listed.json() == {"sessions": [], "next": None}
