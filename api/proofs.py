"""Proof: the public key for anyone; checkpoints, verification and proofs to take away for operators."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from msgspec import Struct

from api.auth import operators_only
from api.docs import OPERATOR
from api.errors import problems
from api.limits import OperatorRequests
from api.sessions import SessionId
from domain.conversations import Conversations
from domain.errors import SessionNotFound
from domain.ports import Recorded
from domain.proof import Anchor, Auditor, Finding, PublicKey
from projections.renderings import as_html
from projections.transcript import transcript

AfterNumber = Annotated[
    int, QueryParameter(ge=0, le=2**63 - 1, description="The number of the last checkpoint that you have")
]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most")]
WithKey = Annotated[
    bool,
    QueryParameter(
        description="Add the visitor's key, so that the words are proved, and not their sealed bytes alone. "
        "It opens all that this visitor has ever said"
    ),
]


class SessionVerdict(Struct, frozen=True):
    """What came of a verification. `checkpoint` is the number of the latest one under which the session
    stands; `uncovered` events came after the last of all, the first of them at `uncovered_since`."""

    ok: bool
    findings: Sequence[Finding]
    events: int
    checkpoint: int | None
    uncovered: int
    uncovered_since: datetime | None


class Proofs(Controller):
    """What is under `/api/audit` about proof."""

    path = "/api/audit"
    tags = ("Proof",)

    @get("/public-key/", operation_id="getPublicKey", sync_to_thread=False)
    def public_key(self, auditor: NamedDependency[Auditor]) -> PublicKey:
        """The Ed25519 key that checkpoints are verified with, in base64."""
        return auditor.public_key

    @get(
        "/checkpoints/",
        guards=[operators_only],
        middleware=[OperatorRequests],
        security=[OPERATOR],
        responses=problems(400, 401, 429, 503),
        operation_id="listCheckpoints",
    )
    async def checkpoints(
        self, auditor: NamedDependency[Auditor], after: AfterNumber = 0, limit: Limit = 100
    ) -> Anchor:
        """Signed checkpoints, in the order of their numbers. Kept elsewhere, they are an anchor."""
        return await auditor.checkpoints(after, limit)

    @get(
        "/sessions/{session_id:uuid}/verify/",
        guards=[operators_only],
        middleware=[OperatorRequests],
        security=[OPERATOR],
        responses=problems(400, 401, 404, 429, 503),
        operation_id="verifySession",
    )
    async def verify(self, auditor: NamedDependency[Auditor], session_id: SessionId) -> SessionVerdict:
        """Verify a session: its chain, its sealed bytes, and the checkpoints under which it stands."""
        verdict = await auditor.verify(session_id)
        if verdict is None:
            raise SessionNotFound
        return SessionVerdict(
            verdict.ok,
            verdict.findings,
            verdict.events,
            verdict.checkpoint,
            verdict.uncovered,
            verdict.uncovered_since,
        )

    @get(
        "/sessions/{session_id:uuid}/proof/",
        guards=[operators_only],
        middleware=[OperatorRequests],
        security=[OPERATOR],
        responses=problems(400, 401, 404, 429, 503)
        | {200: ResponseSpec(bytes, description="A zip", media_type="application/zip")},
        media_type="application/zip",
        operation_id="proveSession",
    )
    async def prove(
        self,
        auditor: NamedDependency[Auditor],
        conversations: NamedDependency[Conversations],
        session_id: SessionId,
        with_key: WithKey = False,
    ) -> Response[bytes]:
        """A zip with which anybody can verify the session: `verify.py` in it needs nothing but Python."""
        history = await conversations.read(session_id)
        if not history:
            raise SessionNotFound
        bundle = await auditor.bundle(
            session_id, history[-1].version, renderings_of(history), with_key=with_key
        )
        named = {
            "Content-Disposition": f'attachment; filename="{session_id}.zip"',
            "Cache-Control": "no-store",
        }
        return Response(bundle, media_type="application/zip", headers=named)


def renderings_of(history: Sequence[Recorded]) -> Mapping[str, bytes]:
    """The files of a proof that are for reading."""
    said = transcript(history)
    return {
        "transcript.json": msgspec.json.format(msgspec.json.encode(said)) + b"\n",
        "transcript.html": as_html(said).encode(),
    }
