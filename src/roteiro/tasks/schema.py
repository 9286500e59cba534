"""The JSON Schema of a plan, for editors.

What must not live here: the schema (`plan.schema`).
"""

import json

from roteiro.plan.schema import json_schema

__all__ = ["schema"]


def schema() -> str:
    """JSON text; ends with a line break."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
