"""Erasing a visitor, for operators."""

from typing import Annotated
from uuid import UUID

from litestar import delete
from litestar.di import NamedDependency
from litestar.params import PathParameter

from api.auth import operators_only
from api.docs import OPERATOR
from api.errors import problems
from api.limits import OperatorRequests
from domain.erasure import Erasure, Receipt

WAIT_SECONDS = 5.0
"""How long the answer waits for projections, before it says that they are still to follow."""

VisitorId = Annotated[UUID, PathParameter(description="The visitor: a credential, so no log has this path")]


@delete(
    "/api/audit/visitors/{visitor_id:uuid}/",
    status_code=200,
    guards=[operators_only],
    middleware=[OperatorRequests],
    responses=problems(401, 404, 429, 503),
    operation_id="eraseVisitor",
    security=[OPERATOR],
    tags=["Audit"],
)
async def erase_visitor(erasure: NamedDependency[Erasure], visitor_id: VisitorId) -> Receipt:
    """Forget a visitor: end their sessions, destroy their key, and have projections hold nothing they said.

    It can't be undone. Ask again after a failure, or where `projections` is `pending`: what else the
    receipt says is the same.
    """
    return await erasure.erase(visitor_id, WAIT_SECONDS)
