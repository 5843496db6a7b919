"""The role for those who only read: it is granted the views of the schema `analytics`, and nothing else.

Roles belong to the whole server, so the services of two databases may make it at the same time.
"""

import logging
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

logger = logging.getLogger(__name__)

ROLE = "verbatim_reader"

CREATE_ROLE = f"CREATE ROLE {ROLE} NOLOGIN"
HAS_ROLE = f"SELECT to_regrole('{ROLE}') IS NOT NULL"


def make_reader(connection: Connection[Any]) -> None:
    """Have the role be there, unless this service may make none."""
    if has_reader(connection):
        return
    try:
        with connection.transaction():
            connection.execute(CREATE_ROLE.encode())
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        pass  # the service of another database was first
    except psycopg.errors.InsufficientPrivilege:
        logger.warning(
            "analysts have no role to read with: %s, as somebody who may, then restart", CREATE_ROLE
        )


def has_reader(connection: Connection[Any]) -> bool:
    """Whether the role is there."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(HAS_ROLE.encode()).fetchone()
    return bool(row and row[0])
