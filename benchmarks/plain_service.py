"""The service as its settings make it, in a process that prints its port: what `first_word` measures."""

import os

from api.app import build
from api.server import bound, make_server
from infrastructure.settings import read_settings


def main() -> None:
    settings = read_settings(os.environ)
    app = build(settings, settings.database_url or "")
    sockets = bound("127.0.0.1", settings.port)
    make_server(app, lambda: print(sockets[0].getsockname()[1], flush=True)).run(sockets)


if __name__ == "__main__":
    main()
