"""The endpoints of batches, for a worker's ordinary application.

What must not live here: any one of them.
"""

from starlette.routing import BaseRoute

from roteiro.gateway.batches_anthropic import anthropic_routes
from roteiro.gateway.batches_desk import BatchDesk
from roteiro.gateway.batches_openai import openai_routes
from roteiro.gateway.desk import Desk
from roteiro.gateway.dispatch import Dispatch

__all__ = ["batch_routes"]


def batch_routes(dispatch: Dispatch, desk: Desk | None, secrets_fd: int) -> list[BaseRoute]:
    """None where nothing is kept. `secrets_fd` is what the reader of a large batch inherits."""
    if desk is None:
        return []
    batches = BatchDesk(dispatch, desk.batches, secrets_fd)
    return [*anthropic_routes(batches), *openai_routes(batches)]
