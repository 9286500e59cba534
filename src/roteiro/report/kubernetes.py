"""The plan's scaling policies as manifests for Kubernetes, on the metrics that the gateway tells to Prometheus.

Kubernetes scales in proportion to a measure, and the plan by fixed steps between two thresholds. So that both decide alike, each policy is
told as one number, compared with 1: above 1 while it asks for more, so far that the step binds; 0 while it agrees to fewer; 1 between its
thresholds, and where the gateway is not heard of. The autoscaler takes the largest over all policies: any may ask for more, all must
agree to fewer. Steps, cooldowns and the stabilisation window are its `behavior`.

Two forms: KEDA's `ScaledObject` (keda.sh/v1alpha1), which asks Prometheus itself; a `HorizontalPodAutoscaler` (autoscaling/v2) on an
external metric that a `PrometheusRule` (monitoring.coreos.com/v1) records and an adapter serves. A floor that repeats becomes `cron`
triggers of KEDA's; a pod autoscaler knows no calendar.

What must not live here: files; scaling by cost, which gives way to a cheaper model and changes no replicas.
"""

import io
import math
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from ruamel.yaml import YAML

from roteiro.plan.aims import DAY_S
from roteiro.plan.model import FloorCurve, Plan, ScalingPolicies
from roteiro.plan.servers import Servers
from roteiro.terms.error import SettingsError

__all__ = ["hpa", "keda", "manifests", "scaled_providers"]

MOST_PERIOD_S: Final = 1800
MOST_WINDOW_S: Final = 3600
"""Bounds of autoscaling/v2: `periodSeconds` of a policy, `stabilizationWindowSeconds`."""

NAME: Final = re.compile(r"[^a-z0-9]+")
LONGEST_NAME: Final = 50
RECORD: Final = "roteiro_scaling_ratio"
POLLING_S: Final = 15
Manifest = dict[str, Any]


def scaled_providers(plan: Plan) -> dict[str, Servers]:
    """The servers that the policies scale, by provider. Raises SettingsError where there is nothing to scale by, or nothing to scale."""
    policies = plan.scaling_policies
    if policies.token_based is None and policies.latency_based is None:
        raise SettingsError("scaling_policies has neither token_based nor latency_based; write one; nothing else changes replicas")
    found = {
        name: provider.servers
        for name, provider in plan.providers.items()
        if provider.servers is not None and (not policies.providers or name in policies.providers)
    }
    if not found:
        raise SettingsError("no provider that scaling_policies scales has servers; give one servers: {least: 1, most: 8}")
    names = [dns_name(name) for name in found]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise SettingsError(f"two providers would both be called {twins[0]!r} in Kubernetes; rename one")
    return found


def keda(plan: Plan, prometheus: str, namespace: str = "default") -> list[Manifest]:
    """A ScaledObject for each provider with servers; its Deployment has the provider's name. `prometheus` is the server's address."""
    policies = plan.scaling_policies
    found = []
    for provider, servers in scaled_providers(plan).items():
        name = dns_name(provider)
        triggers = [
            {
                "type": "prometheus", "name": policy.replace("_", "-"), "metricType": "Value",
                "metadata": {"serverAddress": prometheus, "query": query, "threshold": "1", "ignoreNullValues": "false"},
            }
            for policy, query in queries(policies, provider, servers, namespace)
        ]  # fmt: skip
        triggers += crons(plan, provider, servers)
        head = metadata(name, namespace)
        if policies.mode == "advisory":
            head["annotations"] = {"autoscaling.keda.sh/paused": "true"}
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "pollingInterval": POLLING_S,
            "cooldownPeriod": whole(longest_cooldown(policies)), "minReplicaCount": servers.fewest, "maxReplicaCount": servers.highest,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(policies)}}, "triggers": triggers,
        }  # fmt: skip
        found.append({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": head, "spec": spec})
    return found


def hpa(plan: Plan, namespace: str = "default") -> list[Manifest]:
    """A PrometheusRule that records the policies' numbers, and a HorizontalPodAutoscaler for each provider with servers."""
    policies = plan.scaling_policies
    rules: list[Manifest] = []
    scalers: list[Manifest] = []
    for provider, servers in scaled_providers(plan).items():
        name, metrics = dns_name(provider), []
        for policy, query in queries(policies, provider, servers, namespace):
            labels = {"provider": provider, "policy": policy}
            rules.append({"record": RECORD, "expr": query, "labels": labels})
            metric = {"name": RECORD, "selector": {"matchLabels": labels}}
            metrics.append({"type": "External", "external": {"metric": metric, "target": {"type": "Value", "value": "1"}}})
        how = behavior(policies)
        if policies.mode == "advisory":
            how = {direction: {**rule, "selectPolicy": "Disabled"} for direction, rule in how.items()}
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        spec = {
            "scaleTargetRef": target, "minReplicas": max(1, servers.fewest), "maxReplicas": servers.highest, "metrics": metrics,
            "behavior": how,
        }  # fmt: skip
        scalers.append(
            {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata(name, namespace), "spec": spec}
        )
    groups = [{"name": "roteiro-scaling", "interval": f"{POLLING_S}s", "rules": rules}]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": metadata("scaling", namespace),
        "spec": {"groups": groups},
    }  # fmt: skip
    return [rule, *scalers]


def manifests(documents: Sequence[Manifest]) -> str:
    """The documents as one YAML text."""
    writer = YAML()
    writer.width = 4096
    writer.explicit_start = True
    out = io.StringIO()
    writer.dump_all(list(documents), out)
    return out.getvalue()


def metadata(name: str, namespace: str) -> Manifest:
    return {"name": f"roteiro-{name}", "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "roteiro"}}


def behavior(policies: ScalingPolicies) -> Manifest:
    """Steps, cooldowns and the stabilisation window, within the bounds of autoscaling/v2."""
    cooldowns = [policy.cooldown_s for policy in (policies.token_based, policies.latency_based) if policy is not None]

    def steps(pods: int, period_s: float) -> list[Manifest]:
        return [{"type": "Pods", "value": pods, "periodSeconds": min(MOST_PERIOD_S, max(1, whole(period_s)))}]

    window = min(MOST_WINDOW_S, whole(policies.stabilisation_s))
    return {
        "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": steps(policies.step.up, min(cooldowns))},
        "scaleDown": {"stabilizationWindowSeconds": window, "selectPolicy": "Max", "policies": steps(policies.step.down, max(cooldowns))},
    }


def longest_cooldown(policies: ScalingPolicies) -> float:
    return max(policy.cooldown_s for policy in (policies.token_based, policies.latency_based) if policy is not None)


def queries(policies: ScalingPolicies, provider: str, servers: Servers, namespace: str) -> list[tuple[str, str]]:
    """(policy, PromQL) for each policy that changes replicas."""
    found = []
    up = 1 + policies.step.up
    if (tokens := policies.token_based) is not None:
        measure = waiting_tokens(provider, servers, namespace)
        found.append(("token_based", ratio(measure, tokens.scale_up_threshold, tokens.scale_down_threshold, up)))
    if (latency := policies.latency_based) is not None:
        window = f"{max(1, whole(latency.window_s))}s"
        series = f'{{target="{provider}"}}[{window}]'
        measure = f"1000 * histogram_quantile(0.95, sum by (le) (rate(roteiro_request_duration_seconds_bucket{series})))"
        enough = f"sum(increase(roteiro_request_duration_seconds_count{series})) >= {latency.minimum_calls}"
        found.append(("latency_based", ratio(measure, latency.scale_up_threshold, latency.scale_down_threshold, up, enough)))
    return found


def ratio(measure: str, above: float, below: float, up: int, enough: str = "") -> str:
    """PromQL for the number that is compared with 1. Fewer replicas are agreed to only while the gateway is heard of."""
    more = f"(({measure}) > {above:g}) * 0 + {up}"
    more = f"(({more}) and on() ({enough}))" if enough else f"({more})"
    return f"{more} or (vector(0) unless on() (({measure}) >= {below:g}) unless on() absent(roteiro_up)) or vector(1)"


def waiting_tokens(provider: str, servers: Servers, namespace: str) -> str:
    """PromQL for the tokens that wait, as the kernel reckons them: those in queues, and of those with the servers the share that is
    beyond what these work at together. The gateway does not hear how many servers Kubernetes has, so that is asked here.
    """
    labels = f'namespace="{namespace}",deployment="{dns_name(provider)}"'
    ready = f"(sum(kube_deployment_status_replicas_ready{{{labels}}}) or vector({servers.replicas}))"
    here = f'{{target="{provider}"}}'
    ahead = f"clamp_min(1 - {servers.batch} * {ready} / clamp_min(sum(roteiro_target_in_flight{here}), 1), 0)"
    return f"sum(roteiro_queued_tokens{here}) + sum(roteiro_target_tokens{here}) * {ahead}"


def crons(plan: Plan, provider: str, servers: Servers) -> Iterator[Manifest]:
    """A floor that repeats as triggers: from so long before each stretch above the fewest replicas as a start takes, until it ends."""
    curve = plan.scaling_policies.floor.get(provider)
    if curve is None or curve.since is not None:
        return
    lead_min = math.ceil(servers.start_up_s / 60.0)
    for begin_min, end_min, replicas in stretches(curve):
        wanted = min(replicas, servers.highest)
        if wanted <= servers.fewest:
            continue
        yield {
            "type": "cron", "name": f"floor-{begin_min}",
            "metadata": {
                "timezone": plan.timezone, "start": cron(begin_min - lead_min, curve), "end": cron(end_min, curve),
                "desiredReplicas": str(wanted),
            },
        }  # fmt: skip


def stretches(curve: FloorCurve) -> Iterator[tuple[int, int, int]]:
    """(minute of its beginning, minute of its end, replicas) of steps that are alike; halves of a whole that is one stretch, as what begins
    when it ends would never begin."""
    at = 0.0
    whole_s = curve.step_s * len(curve.replicas)
    for replicas, steps in groupby(curve.replicas):
        length_s = curve.step_s * len(list(steps))
        for part in range(parts := 2 if length_s == whole_s else 1):
            begin_s = at + part * length_s / parts
            yield whole(begin_s / 60.0), whole((begin_s + length_s / parts) / 60.0), replicas
        at += length_s


def cron(minute: int, curve: FloorCurve) -> str:
    """A minute of a repeating day or week, which begins on a Monday, in the words of cron."""
    is_day = curve.step_s * len(curve.replicas) == DAY_S
    minute %= 24 * 60 * (1 if is_day else 7)
    day, rest = divmod(minute, 24 * 60)
    return f"{rest % 60} {rest // 60} * * {'*' if is_day else (day + 1) % 7}"


def whole(seconds: float) -> int:
    return round(seconds)


def dns_name(provider: str) -> str:
    """A provider's name as Kubernetes takes it (RFC 1123). Raises SettingsError where nothing of it is left."""
    name = NAME.sub("-", provider.lower()).strip("-")[:LONGEST_NAME].strip("-")
    if not name:
        raise SettingsError(f"the provider {provider!r} has no letter or digit that a name in Kubernetes may have; rename it")
    return name
