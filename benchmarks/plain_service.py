"""The service as its settings make it, in a process that prints its port: what `first_word` measures."""

import os

from api.app import build
from api.server import make_server
from infrastructure.settings import read_settings


def main() -> None:
    settings = read_settings(os.environ)
    app = build(settings, settings.database_url or "")
    make_server(app, "127.0.0.1", settings.port, lambda port: print(port, flush=True)).run()


if __name__ == "__main__":
    main()
