"""Proof: the public key for anyone, checkpoints and verification for operators. The zip is an export."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from api.auth import operators_only
from api.docs import OPERATOR
from api.errors import problems
from api.limits import OperatorRequests
from api.sessions import SessionId
from domain.errors import SessionNotFound
from domain.proof import Anchor, Auditor, Finding, PublicKey

AfterNumber = Annotated[
    int, QueryParameter(ge=0, le=2**63 - 1, description="The number of the last checkpoint that you have")
]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most")]


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
        """Verify a session: its chain, its sealed bytes, the checkpoints under which it stands, and the rows
        that projections have made of it."""
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
