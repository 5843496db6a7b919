"""Whether the process lives, and whether it can serve."""

from litestar import get
from msgspec import Struct

from api.errors import problems
from domain.conversations import Conversations


class Health(Struct, frozen=True):
    status: str = "ok"


@get("/health/live", tags=["Health"], sync_to_thread=False, operation_id="live")
def live() -> Health:
    """This process answers."""
    return Health()


@get("/health/ready", tags=["Health"], operation_id="ready", responses=problems(503))
async def ready(conversations: Conversations) -> Health:
    """The log can be reached."""
    await conversations.check()
    return Health()
