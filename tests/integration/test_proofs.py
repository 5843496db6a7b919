"""Proof over HTTP: the public key for anyone, everything else for operators alone."""

import base64
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.app import open_runner
from infrastructure import bundle_verifier
from infrastructure.anchors import read_anchor
from infrastructure.settings import read_settings
from infrastructure.signing import key_id
from tests.support.assistants import Echo
from tests.support.postgres import execute
from tests.support.service import Service, Visitor, served
from tests.support.waiting import until

TOKEN = "an-operator's-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
SEED = b"s" * 32
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
ENVIRONMENT = {
    "VERBATIM_OPERATOR_TOKEN": TOKEN,
    "VERBATIM_CHECKPOINT_SECONDS": "1",
    "VERBATIM_SIGNING_KEY": base64.b64encode(SEED).decode(),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    async with served(conninfo, data_dir, Echo(), ENVIRONMENT) as service:
        yield service


@pytest.fixture
async def visitor(service: Service, http: httpx.AsyncClient) -> Visitor:
    """Who has chatted, in a session that is under a checkpoint."""
    visitor = await service.start_session()
    said = await http.post(
        f"{visitor.path}/messages/", headers=visitor.headers, json={"message": "Hello there"}
    )
    assert said.status_code == 200
    await until(lambda: is_covered(http, visitor), "a checkpoint")
    return visitor


async def is_covered(http: httpx.AsyncClient, visitor: Visitor) -> bool:
    verdict = await verified(http, visitor)
    return verdict["checkpoint"] is not None and verdict["uncovered"] == 0


async def verified(http: httpx.AsyncClient, visitor: Visitor) -> dict[str, Any]:
    answer = await http.get(audited(visitor, "verify"), headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    return answer.json()


def audited(visitor: Visitor, what: str) -> str:
    return f"/api/audit/sessions/{visitor.session_id}/{what}/"


async def test_anyone_can_have_the_public_key(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/audit/public-key/")

    assert answer.json() == {
        "key_id": key_id(PUBLIC),
        "public_key": base64.b64encode(PUBLIC).decode(),
        "algorithm": "Ed25519",
    }


async def test_a_session_is_verified(http: httpx.AsyncClient, visitor: Visitor) -> None:
    verdict = await verified(http, visitor)

    assert verdict["ok"] is True
    assert verdict["findings"] == []
    assert verdict["events"] >= 4
    assert verdict["uncovered_since"] is None


async def test_what_was_changed_with_sql_is_named(
    http: httpx.AsyncClient, visitor: Visitor, conninfo: str
) -> None:
    execute(
        conninfo,
        "UPDATE stored_events SET state = set_byte(state, 40, get_byte(state, 40) # 1) "
        "WHERE originator_id = %s AND originator_version = 2",
        visitor.session_id,
    )

    verdict = await verified(http, visitor)

    assert verdict["ok"] is False
    assert verdict["findings"][0]["session_id"] == str(visitor.session_id)
    assert {finding["version"] for finding in verdict["findings"]} <= {2, 3}
    assert any(
        finding["message"].startswith(f"session {visitor.session_id}, version 2: ")
        for finding in verdict["findings"]
    )


async def test_a_table_that_was_changed_with_sql_is_named(
    http: httpx.AsyncClient, visitor: Visitor, conninfo: str, data_dir: Path
) -> None:
    environment = {**ENVIRONMENT, "VERBATIM_DATA_DIR": str(data_dir)}
    with open_runner(read_settings(environment), conninfo) as runner:
        while runner.step():
            pass
    assert (await verified(http, visitor))["ok"] is True
    (schema,) = execute(conninfo, "SELECT build FROM projections WHERE name = 'sessions'")[0]
    execute(conninfo, f"UPDATE {schema}.sessions SET messages = 7 WHERE session_id = %s", visitor.session_id)

    verdict = await verified(http, visitor)

    assert verdict["ok"] is False
    (finding,) = verdict["findings"]
    where = f"session {visitor.session_id}: the table sessions of the projection sessions: "
    assert finding["message"] == where + "messages: not what the log makes"
    assert finding["session_id"] == str(visitor.session_id)


async def test_checkpoints_are_given_page_by_page_and_each_page_is_an_anchor(
    http: httpx.AsyncClient, visitor: Visitor
) -> None:
    whole = await http.get("/api/audit/checkpoints/", headers=OPERATOR)
    second = await http.get("/api/audit/checkpoints/?after=1&limit=1", headers=OPERATOR)
    beyond = await http.get("/api/audit/checkpoints/?after=9223372036854775807", headers=OPERATOR)

    anchor = read_anchor(whole.content)
    assert anchor.public_key == PUBLIC
    assert [checkpoint.number for checkpoint in anchor.checkpoints][:1] == [1]
    assert second.json()["checkpoints"] == whole.json()["checkpoints"][1:2]
    assert beyond.json()["checkpoints"] == []


@pytest.mark.parametrize(("options", "with_key"), [("", False), ("&with_key=true", True)])
async def test_a_proof_can_be_taken_away_and_verified_elsewhere(
    http: httpx.AsyncClient, visitor: Visitor, tmp_path: Path, options: str, with_key: bool
) -> None:
    answer = await http.get(audited(visitor, "export") + "?format=zip" + options, headers=OPERATOR)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="session-{visitor.session_id}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    found = "\n".join(bundle_verifier.verify(str(tmp_path), PUBLIC))
    assert "and so all before it" in found
    assert ("the words shown are those that were sealed" in found) is with_key


@pytest.mark.parametrize("what", ["verify/", "export/?format=zip"])
async def test_a_session_that_nobody_started_has_no_proof(http: httpx.AsyncClient, what: str) -> None:
    answer = await http.get(f"/api/audit/sessions/{uuid4()}/{what}", headers=OPERATOR)

    assert answer.status_code == 404
    assert answer.json()["code"] == "session_not_found"


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=1001", "after=9223372036854775808"]
)
async def test_a_page_that_there_cannot_be_is_refused(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"/api/audit/checkpoints/?{query}", headers=OPERATOR)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"


async def test_nobody_but_operators_sees_any_of_it(http: httpx.AsyncClient, visitor: Visitor) -> None:
    paths = ["/api/audit/checkpoints/", audited(visitor, "verify")]
    paths.append(audited(visitor, "export") + "?format=zip")
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {visitor.visitor_id}"},
        {"Authorization": f"Basic {TOKEN}"},
        visitor.headers,
    ]

    for path in paths:
        answers = [await http.get(path, headers=headers) for headers in wrong]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.text for answer in answers}) == 1
