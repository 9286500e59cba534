"""How near fitted demand comes to the record that it was fitted to: the same measures of both, and their ratio.

In sample: what is drawn is compared with the record that it was fitted to. The public traces (Azure code and conversation, Mooncake
conversation) are fitted, drawn a few times and measured. Prints one JSON object; a trace that is not there is left out, and said to be.

`python benchmarks/demand.py --data FOLDER`, or the folder in ROTEIRO_TRACES
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from roteiro.plan.compile import Compiled, compile_plan
from roteiro.plan.read import read_text
from roteiro.simulator.demand_fit import fit_demand
from roteiro.simulator.demand_measure import SCALES_S, SHARES
from roteiro.simulator.demand_report import PROCESSES
from roteiro.simulator.trace import read_record

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", on_premises: true}
models:
  chat: {targets: {one: 1}}
"""
TRACES = {
    "azure code": "azure_llm_2023/AzureLLMInferenceTrace_code.csv",
    "azure conversation": "azure_llm_2023/AzureLLMInferenceTrace_conv.csv",
    "mooncake conversation": "mooncake/conversation_trace.jsonl",
}


def ratio(fitted: float, data: float) -> float | None:
    return round(fitted / data, 3) if data == data and fitted == fitted and data else None


def compared(plan: Compiled, path: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    record, _ = read_record(path)
    _, report = fit_demand(plan, record)
    took_s = time.perf_counter() - begun
    data, fitted = report.data, report.fitted
    assert data is not None and fitted is not None
    group = report.groups[0]
    found: dict[str, Any] = {
        "requests": report.arrivals, "took_s": round(took_s, 1), "windows": len(group.windows),
        "process": PROCESSES[group.gaps.process] if group.gaps else None, "ks": round(group.gaps.ks, 4) if group.gaps else None,
        "rate_per_s": [data.rate_per_s, ratio(fitted.rate_per_s, data.rate_per_s)], "cv": [data.cv, ratio(fitted.cv, data.cv)],
        "tau": [data.tau, fitted.tau],
    }  # fmt: skip
    for scale, theirs, ours in zip(SCALES_S, data.dispersion, fitted.dispersion, strict=True):
        if theirs == theirs:
            found[f"dispersion at {scale:g} s"] = [theirs, ratio(ours, theirs)]
    for name in ("input_tokens", "output_tokens"):
        for share, theirs, ours in zip(SHARES, getattr(data, name), getattr(fitted, name), strict=True):
            found[f"{name} p{share * 100:g}"] = [theirs, ratio(ours, theirs)]
    if data.hits == data.hits:
        found["ideal prefix hits"] = [data.hits, ratio(fitted.hits, data.hits)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ROTEIRO_TRACES", "traces")))
    data = parser.parse_args().data
    reading = read_text(PLAN)
    assert reading.plan is not None
    plan = compile_plan(reading.plan, reading.digest)
    found = {name: compared(plan, data / path) if (data / path).is_file() else "not on this machine" for name, path in TRACES.items()}
    print(
        json.dumps({"benchmark": "demand", "figures": "[of the record, fitted / record]; tau: [record, fitted]", "traces": found}, indent=1)
    )


if __name__ == "__main__":
    main()
