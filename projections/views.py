"""The views of the schema `analytics`: what is live, for SQL."""

from collections.abc import Mapping, Sequence

VIEWS = (
    "CREATE SCHEMA IF NOT EXISTS analytics",
    "CREATE OR REPLACE VIEW analytics.sessions AS SELECT * FROM {sessions}.sessions",
    "CREATE OR REPLACE VIEW analytics.entries AS SELECT * FROM {transcripts}.entries",
    "CREATE OR REPLACE VIEW analytics.details AS SELECT * FROM {conversation_data}.details",
    "CREATE OR REPLACE VIEW analytics.messages AS SELECT * FROM {analytics}.messages",
    "CREATE OR REPLACE VIEW analytics.replies AS SELECT * FROM {analytics}.replies",
    "CREATE OR REPLACE VIEW analytics.suggestions AS SELECT * FROM {analytics}.suggestions",
    "CREATE OR REPLACE VIEW analytics.warnings AS SELECT * FROM {analytics}.warnings",
)


def views(live: Mapping[str, str]) -> Sequence[str]:
    """The statements that make them, for the schema of each projection's live build."""
    return [statement.format(**live) for statement in VIEWS]
