"""The plan: YAML with line marks → a frozen value or all of its problems; cross-checks, origins, digest, schema; and tables.

A file a noun: `document` (YAML to nodes), `shape` (nodes to a plan), `resolve` (what is unsaid), `check_…` (what cannot work),
`condition` and `action` (routing's two small languages), a file for each group of sections, `compile` (the plan as arrays).
What must not live here: settings (ports, paths, secrets), clocks, draws, decisions.
"""

from roteiro.plan.digest import canonical_json, digest, load_canonical
from roteiro.plan.explain import Explained, explain
from roteiro.plan.model import Plan
from roteiro.plan.read import Reading, read, read_text
from roteiro.plan.schema import json_schema
from roteiro.plan.starter import starter

__all__ = [
    "Explained",
    "Plan",
    "Reading",
    "canonical_json",
    "digest",
    "explain",
    "json_schema",
    "load_canonical",
    "read",
    "read_text",
    "starter",
]
