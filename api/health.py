"""Whether the process lives, and whether it can serve."""

from litestar import HttpMethod, route
from litestar.di import NamedDependency
from msgspec import Struct

from api.errors import problems
from domain.conversations import Conversations

PROBE = (HttpMethod.GET, HttpMethod.HEAD)


class Health(Struct, frozen=True):
    status: str = "ok"


@route("/health/live", http_method=PROBE, tags=["Health"], sync_to_thread=False)
def live() -> Health:
    """This process answers."""
    return Health()


@route("/health/ready", http_method=PROBE, tags=["Health"], responses=problems(503))
async def ready(conversations: NamedDependency[Conversations]) -> Health:
    """The log can be read and written: it answers, isn't read-only, and keeps no append waiting."""
    await conversations.check()
    return Health()
