"""The plan that `roteiro init` writes: small, commented, and without a problem. In English and in Brazilian Portuguese.

What must not live here: writing the file.
"""

from typing import Final, Literal

__all__ = ["Language", "starter"]

Language = Literal["en", "pt-BR"]

PLAN: Final = """\
# {head}
roteiro: 1                      # {version}
name: {name}
timezone: {timezone}

# {providers}
providers:
  primary:
    name: openai
    model: gpt-4o-mini          # {model}
    weight: 80                  # {weight}
    key_env: OPENAI_API_KEY     # {key}
    # key_env: [OPENAI_KEY_A, OPENAI_KEY_B]              # {keys}
    promised_sla: {{availability: 99.9%}}
    limits: {{requests: 500/min, tokens: 200k tokens/min, concurrency: 64}}
    timeouts: {{connect: 5s, first_token: 20s, idle: 20s, attempt: 60s}}
    breaker: {{window: 30s, failure_rate: 50%, minimum_calls: 20, open_for: 5s}}
    # {service}
    service: {{ttft: {{median: 400ms, p95: 1.2s}}, itl: {{median: 20ms, p95: 45ms}}, error_rate: 1%}}
  secondary:
    name: anthropic             # {dialect}
    model: claude-3-5-haiku
    weight: 20
    key_env: ANTHROPIC_API_KEY
    promised_sla: {{availability: 99.5%}}
    service: {{ttft: {{median: 500ms, p95: 1.5s}}, itl: {{median: 15ms, p95: 40ms}}, error_rate: 1%}}

# {models}
models:
  chat:
    targets: [primary, secondary]
    on_exhausted: queue         # {exhausted}
    retry: {{attempts: 3, backoff: 200ms}}
    timeouts: {{total: 90s}}
    # {levers}
    # cache: {{exact: true}}                               # {cache}
    # hedge: {{after: p95, at_most: 5%}}                   # {hedge}
    # complexity: {{simple: chat-small}}                   # {complexity}
    # on_disconnect: 10s                                 # {disconnect}
    # larger_context: chat-long                          # {larger}
  chat-small:
    targets: [primary]
    timeouts: {{total: 60s}}

# {routing}
routing_logic:
  - condition: primary.latency > 15s for 30s with at least 20 calls
    action: route_to_secondary
  - condition: primary.error_rate > 20% with at least 20 calls
    action: avoid_primary

# {workloads}
workloads:
  interactive: {{priority: interactive, model: chat, queue: {{size: 100, max_wait: 10s}}}}
  nightly: {{priority: batch, model: chat-small, concurrency: 8}}   # {dead}

# {tenants}
tenants:
  acme:
    tier: business
    workloads: [interactive, nightly]
    limits: {{requests: 300/min, tokens: 100k tokens/min}}
    concurrency: 32
    budgets:
      daily: {{amount: $50, period: day, warn_at: 80%, stop_at: 100%}}

# {tiers}
sla_tiers:
  business: {{availability: 99.9%, latency_p95: 15s, ttft_p95: 2s, quality_score: 0.85, support: {support}}}

# {budgets}
budgets:
  all: $1000/month

# {cost}
# scaling_policies: {{cost_based: {{max_budget: $5, fallback_model: chat-small, cooldown: 5min}}}}

# {demand}
demand:
  arrivals: {{process: gamma, rate: 1/s, cv: 2}}
  input_tokens: {{median: 400, p95: 2000}}
  output_tokens: {{median: 150, p95: 500}}
  stream: 60%
  mix:
    - {{tenant: acme, workload: interactive, share: 85%}}
    - {{tenant: acme, workload: nightly, share: 15%}}

# {retention}
retention: {{events: 90d, decisions: 30d}}
"""

WORDS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "head": "A plan of operations. `roteiro check` finds its problems, `roteiro explain` shows every default.",
        "version": "version of the plan's language",
        "name": "my operations",
        "timezone": "UTC",
        "providers": "Where answers come from. Addresses and prices of known vendors come from the catalogue.",
        "model": "the name the vendor knows it by",
        "weight": "share of the traffic, against the other weights",
        "key": "the environment variable that holds the key; never the key",
        "keys": "or several, which take turns",
        "dialect": "spoken to in its own dialect",
        "levers": "Levers of cost and latency; take the # away from those you want.",
        "cache": "the same request is answered once an hour",
        "hedge": "a second attempt beside a late one",
        "complexity": "short, simple tasks go to the smaller model",
        "disconnect": "a client that leaves: 10 s to finish; cancel at once without it",
        "larger": "the model for requests that are too long for this one",
        "dead": "add dead_letter: true, and what fails for good is kept",
        "cost": "When the last hour cost more than this, the cheaper model takes over.",
        "service": "How it serves, for simulations before there is a ledger to learn from.",
        "models": "The names your applications ask for.",
        "exhausted": "or fail_fast, or least_bad",
        "routing": "While a condition holds, its action is in force. Latency means the p95 of the last minute.",
        "workloads": "Kinds of traffic, kept apart: critical > interactive > batch > sandbox.",
        "tenants": "Whose traffic it is; each tenant gets its own keys.",
        "tiers": "What you promise. Quality stays unverified until it is measured.",
        "support": "business hours",
        "budgets": "Money for everything together.",
        "demand": "What you expect, for `roteiro simulate`.",
        "retention": "How long the ledger keeps events and decisions.",
    },
    "pt-BR": {
        "head": "Um plano de operações. `roteiro check` acha os problemas, `roteiro explain` mostra cada valor padrão.",
        "version": "versão da linguagem do plano",
        "name": "minhas operações",
        "timezone": "America/Sao_Paulo",
        "providers": "De onde vêm as respostas. Endereços e preços de fornecedores conhecidos vêm do catálogo.",
        "model": "o nome pelo qual o fornecedor o conhece",
        "weight": "parte do tráfego, em relação aos outros pesos",
        "key": "a variável de ambiente que guarda a chave; nunca a chave",
        "keys": "ou várias, que se revezam",
        "dialect": "fala-se com ele no seu próprio dialeto",
        "levers": "Alavancas de custo e latência; tire o # das que quiser.",
        "cache": "o mesmo pedido é respondido uma vez por hora",
        "hedge": "uma segunda tentativa ao lado de uma atrasada",
        "complexity": "tarefas curtas e simples vão para o modelo menor",
        "disconnect": "o cliente que sai: 10 s para terminar; sem isso, cancela na hora",
        "larger": "o modelo para pedidos longos demais para este",
        "dead": "com dead_letter: true, o que falha de vez fica guardado",
        "cost": "Quando a última hora custou mais que isto, o modelo mais barato assume.",
        "service": "Como ele atende, para simular antes de haver um registro com que aprender.",
        "models": "Os nomes que as suas aplicações pedem.",
        "exhausted": "ou fail_fast, ou least_bad",
        "routing": "Enquanto a condição vale, a ação vigora. Latência é o p95 do último minuto.",
        "workloads": "Tipos de tráfego, isolados: critical > interactive > batch > sandbox.",
        "tenants": "De quem é o tráfego; cada tenant recebe as suas chaves.",
        "tiers": "O que você promete. A qualidade fica não verificada até ser medida.",
        "support": "horário comercial",
        "budgets": "Dinheiro para tudo junto.",
        "demand": "O que você espera, para `roteiro simulate`.",
        "retention": "Por quanto tempo o registro guarda eventos e decisões.",
    },
}


def starter(language: Language = "en") -> str:
    """A commented plan that checks without a problem."""
    return PLAN.format(**WORDS[language])
