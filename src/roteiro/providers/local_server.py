"""The local model's process: llama.cpp's own HTTP server of the OpenAI dialect, on loopback, apart so that it may crash alone.

`python -m roteiro.providers.local_server --gguf PATH [--port 0] [--context 2048] [--slots 2] [--threads 2] [--name smollm2]` prints one
JSON line when the model is loaded: `{"port", "base_url", "model", "load_s", "pid"}`. Ends on SIGTERM and with its parent.
What must not live here: starting, watching and restarting it (`local`).
"""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from roteiro.providers.lifeline import announce, ended, kill_with_parent

__all__ = ["main", "serve"]

_HOST: Final = "127.0.0.1"
_SPARE_HTTP_THREADS: Final = 32
"""llama.cpp's server keeps a thread a kept-alive connection; with none to spare its health could not be asked."""


def serve(gguf: Path, *, port: int, context_tokens: int, slots: int, threads: int, name: str) -> Any:
    """Load the model and serve it; answers llama.cpp's server, which lives as long as it is held.

    `context_tokens` is what one request may use, prompt and answer together; `slots` requests run at once.
    Raises RuntimeError when the model cannot be loaded or the port not be had.
    """
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(gguf)
    parameters.model_alias = {name}
    parameters.hostnames = [_HOST]
    parameters.port = port
    parameters.n_ctx = context_tokens * slots  # llama.cpp divides its context among the slots
    parameters.n_parallel = slots
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.n_threads_http = slots + _SPARE_HTTP_THREADS
    parameters.fit_params = False  # else a context that does not fit is made smaller without a word
    parameters.cache_ram_mib = 0  # else up to 8 GiB of prompts are kept
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.cors_origins = ""
    parameters.verbosity = 1  # errors only, to standard error
    return xllamacpp.Server(parameters)


def main() -> None:
    """Load, announce, serve until told to end."""
    parser = argparse.ArgumentParser("roteiro.providers.local_server", description="A local model behind the OpenAI dialect, on 127.0.0.1.")
    parser.add_argument("--gguf", type=Path, required=True, help="the model's weights")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--context", type=int, default=2048, help="tokens of one request, prompt and answer together")
    parser.add_argument("--slots", type=int, default=2, help="requests at once")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads that compute")
    parser.add_argument("--name", default="local", help="the name it lists the model by")
    options = parser.parse_args()
    kill_with_parent()
    began_s = time.perf_counter()  # noqa: TID251 (a process of its own, which only tells how long loading took)
    try:
        server = serve(
            options.gguf,
            port=options.port,
            context_tokens=options.context,
            slots=options.slots,
            threads=options.threads,
            name=options.name,
        )
    except RuntimeError as error:
        sys.exit(f"{options.gguf} cannot be served on port {options.port}: {error}")
    load_s = time.perf_counter() - began_s  # noqa: TID251
    address: str = server.listening_address
    announce(port=urlsplit(address).port, base_url=f"{address}/v1", model=options.name, load_s=round(load_s, 3), pid=os.getpid())
    asyncio.run(ended())
    # No farewell to llama.cpp: its destructor waits for answers under way, and who ends this process no longer wants them.
    os._exit(0)


if __name__ == "__main__":
    main()
