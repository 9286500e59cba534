"""The tenants that are the operator's own: what they ask measures the service, and is nobody's use of it.

What must not live here: what they ask.
"""

from typing import Final

__all__ = ["CANARIES", "JUDGE", "OWN_TENANTS", "PINNED"]

CANARIES: Final = "canaries"
JUDGE: Final = "judge"
OWN_TENANTS: Final = frozenset((CANARIES, JUDGE))
"""No objective, no customer's report and no unit cost counts them."""
PINNED: Final = "target:"
"""Begins the name of a model that goes to one provider and nowhere else. Only the server itself can ask for it."""
