"""Every scenario of faults there is, by name.

What must not live here: a scenario.
"""

from typing import Final

from roteiro.testing.scenario import Scenario
from roteiro.testing.scenarios_of_clients import CLIENTS
from roteiro.testing.scenarios_of_failure import FAILURES
from roteiro.testing.scenarios_of_streams import STREAMS

__all__ = ["SCENARIOS"]

SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in (*FAILURES, *STREAMS, *CLIENTS)}
"""In the order of the report."""
assert len(SCENARIOS) == len(FAILURES) + len(STREAMS) + len(CLIENTS), "two scenarios of one name"
