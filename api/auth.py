"""Who is an operator: whoever knows the token."""

import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from domain.errors import ChatError


class NotAnOperator(ChatError):
    code = "unauthorized"
    text = "Give the operators' token, as Authorization: Bearer or in a first frame of type authenticate"


def is_operator(connection: ASGIConnection[Any, Any, Any, Any], token: str) -> bool:
    """Whether whoever is connected shows the right token."""
    # In constant time: an answer must not tell how much of a token was right.
    return hmac.compare_digest(token.strip().encode(), connection.app.state.operator_token.encode())


def is_bearer(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether the right token comes as `Authorization: Bearer`."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    # The token first: it takes as long whatever the scheme is.
    return is_operator(connection, given) and scheme.lower() == "bearer"


def operators_only(connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler) -> None:
    """A guard. Raises NotAuthorizedException."""
    if not is_bearer(connection):
        raise NotAuthorizedException(
            "give the operators' token, as Authorization: Bearer", headers={"WWW-Authenticate": "Bearer"}
        )
