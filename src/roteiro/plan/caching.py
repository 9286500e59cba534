"""What is remembered of answers: the caches of a model, and the room for all of them.

What must not live here: what makes two requests the same (`gateway`), when a hit is answered (`journey`).
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from roteiro.plan.part import Part
from roteiro.plan.quantity import Bytes, Seconds, Share

__all__ = ["Cache", "EmbeddingCache", "ExactCache", "ModelCache", "SemanticCache"]

MIB = 1 << 20


def switched(value: object) -> object:
    """`true` is all defaults, `false` is none."""
    return ({} if value else None) if isinstance(value, bool) else value


class ExactCache(Part):
    """Answers to the same request, by the same tenant. `true` is the short form."""

    ttl_s: Seconds = Field(default=3600.0, alias="ttl", description="How long an answer is kept.")


class SemanticCache(Part):
    """Answers to a request of the same meaning, by the same tenant. `true` is the short form."""

    threshold: Share = Field(default=0.96, description="Least cosine similarity of two prompts that count as the same.")
    ttl_s: Seconds = Field(default=3600.0, alias="ttl", description="How long an answer is kept.")


class EmbeddingCache(Part):
    """Embeddings of texts, by the same tenant. `true` is the short form."""

    ttl_s: Seconds = Field(default=24 * 3600.0, alias="ttl", description="How long an embedding is kept.")


class ModelCache(Part):
    """What is remembered of a model's answers. Requests with tools are never answered by meaning."""

    exact: Annotated[ExactCache | None, BeforeValidator(switched)] = Field(
        default=None, description="Answer the same request again without asking a provider; true, or with a ttl."
    )
    semantic: Annotated[SemanticCache | None, BeforeValidator(switched)] = Field(
        default=None,
        description="Answer a request of the same meaning again; true, or with a threshold and a ttl. Wants the extra semantic.",
    )
    embeddings: Annotated[EmbeddingCache | None, BeforeValidator(switched)] = Field(
        default=None, description="Of a model of embeddings: keep each text's embedding; true, or with a ttl."
    )
    expected_hits: Share = Field(
        default=0.0, description="Share of requests that the simulator answers from the cache, before there is a ledger to learn it from."
    )

    @property
    def any(self) -> bool:
        """Whether anything is kept."""
        return self.exact is not None or self.semantic is not None or self.embeddings is not None


class Cache(Part):
    """Room for all caches together."""

    size_bytes: Bytes = Field(default=256 * MIB, alias="size", description="The least recently used goes first.")
