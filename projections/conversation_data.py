"""What is known of visitors, by session and key, each value with the message that it came from."""

from collections.abc import Iterator

from domain.events import DetailsCollected, VisitorErased
from domain.ports import Recorded
from projections.projection import Change, Projection, Write

TABLES = {
    "details": """
        CREATE TABLE details (
            session_id uuid NOT NULL,
            key text NOT NULL,
            value text,
            message_id uuid NOT NULL,
            message_number integer NOT NULL,
            version bigint NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (session_id, key)
        );
        CREATE INDEX ON details (at);
        -- The planner's statistics keep values, and would after they are erased.
        ALTER TABLE details ALTER value SET STATISTICS 0;
    """
}

WRITES = {
    "given": Write(
        """
        INSERT INTO details (session_id, key, value, message_id, message_number, version, at)
        SELECT session_id, key, value, message_id, message_number, version, at FROM {rows}
        ON CONFLICT (session_id, key) DO UPDATE SET value = excluded.value, message_id = excluded.message_id,
            message_number = excluded.message_number, version = excluded.version, at = excluded.at
        """,
        {
            "session_id": "uuid",
            "key": "text",
            "value": "text",
            "message_id": "uuid",
            "message_number": "integer",
            "version": "bigint",
            "at": "timestamptz",
        },
        key=2,
    ),
    "erased": Write(
        "UPDATE details SET value = NULL FROM {rows} WHERE details.session_id = new.session_id",
        {"session_id": "uuid"},
        key=1,
    ),
}


def project(recorded: Recorded) -> Iterator[Change]:
    """The details that an event gives, or takes back."""
    session = recorded.session
    match recorded.event:
        case DetailsCollected(message_id=message_id, values=values, keys=keys):
            # Those that wait came later than the message that is being answered.
            number = session.messages - len(session.waiting)
            for key in keys:
                row = (
                    session.session_id,
                    key,
                    values.get(key),
                    message_id,
                    number,
                    recorded.version,
                    recorded.at,
                )
                yield Change("given", row)
        case VisitorErased():
            yield Change("erased", (session.session_id,))
        case _:
            pass


CONVERSATION_DATA = Projection(
    name="conversation_data",
    version=3,
    tables=TABLES,
    writes=WRITES,
    events=frozenset({DetailsCollected, VisitorErased}),
    project=project,
)
