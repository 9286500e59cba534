"""The plan's digest: what it means, not how it is written.

What must not live here: versions within a run.
"""

import hashlib
import json
from typing import Any

from pydantic import ValidationError

from roteiro.plan.model import Plan

__all__ = ["canonical_json", "digest", "load_canonical"]


def canonical_json(plan: Plan) -> str:
    """The resolved plan as JSON with sorted keys; itself a plan that loads. Nulls are kept: a null `stop_at` is not its default."""
    data: dict[str, Any] = plan.model_dump(mode="json", by_alias=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(plan: Plan) -> str:
    """SHA-256, hexadecimal, of the canonical JSON: the same for any comments, order of keys, units' spelling or split into files."""
    return hashlib.sha256(canonical_json(plan).encode()).hexdigest()


def load_canonical(text: str) -> Plan:
    """The resolved plan that `canonical_json` wrote, as it was: nothing is looked up again, so that a replay has yesterday's prices.

    Raises ValueError where the text is no such plan.
    """
    try:
        return Plan.model_validate(json.loads(text))
    except (ValidationError, RecursionError) as error:
        raise ValueError(f"no canonical plan: {error}") from error
