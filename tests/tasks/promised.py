"""A plan that promises something in most dimensions, for tests of what is made from promises."""

from pathlib import Path
from typing import Final

PLAN: Final = """
roteiro: 1
name: Atendimento
providers:
  primary: {name: openai, model: gpt-4o, weight: 70}
  secondary: {name: anthropic, model: claude-3-5-sonnet-latest, weight: 30}
models: {chat: {targets: {primary: 70, secondary: 30}}}
workloads: {chat: {}}
tenants: {acme: {tier: enterprise}, gama: {tier: enterprise}, beta: {tier: basic}}
sla_tiers:
  enterprise:
    availability: 99.9%
    latency_p95: 1s
    pii_leaks: 0
    cost_per_request: $0.01
    support: "24/7 com 15min SLA"
    alerts: {page: ops, ticket: mail}
  basic: {availability: 90%, window: 30d}
slos:
  fast: {sli: latency, objective: 99%, threshold: 2s, of: {workload: chat}, slices: {length: 5min, objective: 95%}}
notify:
  ops: {pagerduty: {key_env: PD_KEY}}
  mail: {smtp: {host: smtp.example.com, from: a@example.com, to: b@example.com}}
"""


def plan_file(folder: Path, text: str = PLAN) -> Path:
    path = folder / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return path
