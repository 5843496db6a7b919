"""What is read of what is live: by SQL and BI tools in the schema `analytics`, by the service in `live`.

All views are made anew whenever a build takes another's place.
"""

from collections.abc import Mapping, Sequence

from projections.facts import FACTS
from projections.live import LIVE
from projections.reader import ROLE
from projections.rollups import ROLLUPS

ANALYTICS = (*FACTS, *ROLLUPS)

SCHEMAS = "CREATE SCHEMA IF NOT EXISTS live; CREATE SCHEMA IF NOT EXISTS analytics"

GRANTS = f"""
    DO $granted$ BEGIN
        IF to_regrole('{ROLE}') IS NOT NULL THEN
            GRANT USAGE ON SCHEMA analytics TO {ROLE};
            GRANT SELECT ON {", ".join(view.name for view in ANALYTICS)} TO {ROLE};
        END IF;
    END $granted$
"""


def views(live: Mapping[str, str]) -> Sequence[str]:
    """The statements that make them, for the schema of each projection's live build."""
    return [SCHEMAS, *(view.statement.format(**live) for view in (*LIVE, *ANALYTICS)), GRANTS]
