"""What a service is given for its operators, and what they show."""

from base64 import b64encode

from tests.support.stores import MASTER_KEY

TOKEN = "an-operator's-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
SETTINGS = {"VERBATIM_OPERATOR_TOKEN": TOKEN, "VERBATIM_MASTER_KEY": b64encode(MASTER_KEY).decode()}
"""For a database that is also written to by `tests.support.stores`."""
