"""The three YAML blocks of the chapter on planning operations at scale, as they stand in its text."""

TEXT = """
**Exemplo de Estratégia Multi-Provider:**
```yaml
providers:
  primary:
    name: "openai"
    model: "gpt-4"
    weight: 70
  secondary:
    name: "anthropic"
    model: "claude-3"
    weight: 20
  fallback:
    name: "local"
    model: "llama-3"
    weight: 10
    
routing_logic:
  - condition: "primary.latency > 2000ms"
    action: "route_to_secondary"
  - condition: "primary.error_rate > 5%"
    action: "circuit_break_primary"
  - condition: "all_cloud_unavailable"
    action: "route_to_fallback"
```

**Exemplo de Política de Auto-Scaling:**
```yaml
scaling_policies:
  token_based:
    metric: "queue_depth_tokens"
    scale_up_threshold: 10000
    scale_down_threshold: 1000
    cooldown: 300
    
  latency_based:
    metric: "p95_latency_ms"
    scale_up_threshold: 2000
    scale_down_threshold: 500
    cooldown: 600
    
  cost_based:
    metric: "hourly_cost_usd"
    max_budget: 1000
    fallback_model: "gpt-3.5-turbo"
```

**Exemplo de SLA Multidimensional:**
```yaml
sla_tiers:
  enterprise:
    availability: "99.99%"
    latency_p95: "1000ms"
    quality_score: "0.90"
    support: "24/7 com 15min SLA"
    
  business:
    availability: "99.9%"
    latency_p95: "2000ms"
    quality_score: "0.85"
    support: "24/7 com 1h SLA"
    
  basic:
    availability: "99%"
    latency_p95: "5000ms"
    quality_score: "0.80"
    support: "Business hours"
```
"""  # noqa: W293

BLOCKS = [part.partition("```")[0] for part in TEXT.split("```yaml\n")[1:]]
