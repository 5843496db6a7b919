"""All projections there are."""

from projections.analytics import ANALYTICS
from projections.conversation_data import CONVERSATION_DATA
from projections.sessions import SESSIONS
from projections.transcripts import TRANSCRIPTS

PROJECTIONS = (SESSIONS, TRANSCRIPTS, CONVERSATION_DATA, ANALYTICS)
