"""Who is an operator: whoever knows the token."""

import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler


def operators_only(connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler) -> None:
    """A guard. Raises NotAuthorizedException."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    # In constant time, and first: an answer must not tell how much of a token was right.
    is_known = hmac.compare_digest(given.strip().encode(), connection.app.state.operator_token.encode())
    if scheme.lower() != "bearer" or not is_known:
        raise NotAuthorizedException(
            "give the operators' token, as Authorization: Bearer", headers={"WWW-Authenticate": "Bearer"}
        )
