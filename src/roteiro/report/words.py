"""What reports say, in English and Brazilian Portuguese: one row a phrase. Codes of the kernel have their own table (`words_of_codes`).

`{name}` stands for what the report fills in. What must not live here: numbers.
"""

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    # things
    "all": ("all", "todos"),
    "none": ("none", "nenhum"),
    "no_data": ("no data", "sem dados"),
    "no_tier": ("(no tier)", "(sem nível)"),
    "no_provider": ("(no provider)", "(sem provedor)"),
    "total": ("total", "total"),
    "tier": ("tier", "nível"),
    "tenant": ("tenant", "cliente"),
    "provider": ("provider", "provedor"),
    "model": ("model", "modelo"),
    "workload": ("workload", "carga"),
    "key": ("key", "chave"),
    "requests": ("requests", "requisições"),
    "answered": ("answered", "respondidas"),
    "tokens": ("tokens", "tokens"),
    "input_tokens": ("input tokens", "tokens de entrada"),
    "output_tokens": ("output tokens", "tokens de saída"),
    "cost": ("cost", "custo"),
    "outcome": ("outcome", "desfecho"),
    "reason": ("reason", "motivo"),
    "command": ("command", "comando"),
    "count": ("count", "vezes"),
    "share": ("share", "parcela"),
    "time": ("time", "hora"),
    "status": ("HTTP status", "status HTTP"),
    "run": ("run", "execução"),
    "estimated": ("estimated", "estimado"),
    # verdicts
    "verdict": ("verdict", "veredito"),
    "verdict.met": ("met", "cumprido"),
    "verdict.missed": ("missed", "descumprido"),
    "verdict.no_data": ("no data", "sem dados"),
    "verdict.no_target": ("no target", "sem meta"),
    "verdict.unverified": ("unverified", "não verificado"),
    "verdict.unsure": ("{verdict}, not sure", "{verdict}, sem certeza"),
    # service levels
    "sla.title": ("Service levels", "Níveis de serviço"),
    "sla.promise": ("promise", "promessa"),
    "sla.target": ("target", "meta"),
    "sla.measured": ("measured", "medido"),
    "sla.interval": ("95% interval", "intervalo de 95%"),
    "sla.of": ("of", "de"),
    "sla.availability": ("availability", "disponibilidade"),
    "sla.latency_p95": ("p95 latency", "latência p95"),
    "sla.ttft_p95": ("p95 first token", "primeiro token p95"),
    "sla.quality": ("quality", "qualidade"),
    "sla.within": ("{share} within {bound}", "{share} em até {bound}"),
    "sla.at_least": ("at least {share}", "no mínimo {share}"),
    "sla.p95_within": ("p95 within {bound}", "p95 em até {bound}"),
    "sla.times": ("Times of answers", "Tempos das respostas"),
    "sla.streams": ("streams", "fluxos"),
    "sla.ttft": ("first token", "primeiro token"),
    "sla.excluded": ("Left out of availability", "Fora da disponibilidade"),
    "sla.excluded_none": ("nothing left out", "nada de fora"),
    "sla.method": (
        ("Availability counts answered requests among all but those the client cancelled, those the provider refused as the client's "
        "mistake, and those past a limit or a budget of the caller. A p95 is kept when at least 95% of the answers come within it. "
        "Percentiles are values that were measured (inverse of the empirical distribution), over all answers at once. "
        "Intervals are Wilson's, 95%; “not sure” means that the interval also holds the other verdict."),
        ("A disponibilidade conta as requisições respondidas entre todas, menos as canceladas pelo cliente, as que o provedor recusou por "
        "erro do cliente e as que passaram de um limite ou orçamento de quem chamou. Um p95 é cumprido quando ao menos 95% das respostas "
        "chegam dentro dele. Percentis são valores medidos (inversa da distribuição empírica), sobre todas as respostas juntas. "
        "Os intervalos são de Wilson, de 95%; “sem certeza” quer dizer que o intervalo também contém o outro veredito."),
    ),
    "sla.quality_note": (
        "Quality is unverified: nothing measured it, so nothing is claimed.",
        "A qualidade não foi verificada: nada a mediu, e por isso nada se afirma.",
    ),
    "sla.targets_of": (
        "Targets are those of plan {digest}, the latest of several in this period.",
        "As metas são as do plano {digest}, o último de vários neste período.",
    ),
    "sla.targets_unknown": (
        "The plan of these requests is not in the data directory: there are no targets to judge by.",
        "O plano destas requisições não está no diretório de dados: não há metas para julgar.",
    ),
    # cost
    "cost.title": ("Cost", "Custo"),
    "cost.by_tenant": ("Cost by tenant", "Custo por cliente"),
    "cost.by_provider": ("Cost by provider", "Custo por provedor"),
    "cost.by_model": ("Cost by model", "Custo por modelo"),
    "cost.budgets": ("Budgets", "Orçamentos"),
    "cost.budget": ("budget", "orçamento"),
    "cost.per_1k": ("per 1K tokens", "por 1K tokens"),
    "cost.per_answer": ("per answer", "por resposta"),
    "cost.amount": ("amount", "valor"),
    "cost.spent": ("spent", "gasto"),
    "cost.left": ("left", "restante"),
    "cost.used": ("used", "usado"),
    "cost.since": ("since", "desde"),
    "cost.period.hour": ("hour", "hora"),
    "cost.period.day": ("day", "dia"),
    "cost.period.week": ("week", "semana"),
    "cost.period.month": ("month", "mês"),
    "cost.estimated": (
        "Requests whose usage is estimated, because the provider did not report it: {count}.",
        "Requisições cujo uso é estimado, porque o provedor não o informou: {count}.",
    ),
    "cost.exact": (
        "US dollars, exact to the nano-dollar; what is divided is rounded to it.",
        "Dólares dos EUA, exatos até o nanodólar; o que é dividido é arredondado para ele.",
    ),
    "cost.budgets_unknown": (
        "The plan of these requests is not in the data directory: its budgets are unknown.",
        "O plano destas requisições não está no diretório de dados: os orçamentos são desconhecidos.",
    ),
    # traffic
    "traffic.title": ("Traffic", "Tráfego"),
    "traffic.outcomes": ("Outcomes", "Desfechos"),
    "traffic.providers": ("Providers", "Provedores"),
    "traffic.asked_first": ("asked first", "primeira escolha"),
    "traffic.breakers": ("Circuit breakers", "Disjuntores"),
    "traffic.breaker": ("breaker", "disjuntor"),
    "traffic.no_transitions": ("No breaker changed its state.", "Nenhum disjuntor mudou de estado."),
    "traffic.reasons": ("What each reason decided", "O que cada motivo decidiu"),
    "traffic.failovers": (
        (
            "Went on to another provider than the one asked first: {requests} (answered there: {answered}). "
            "More than one attempt: {retried}. A cheaper model for a budget's or a rule's sake: {degraded}. "
            "Refused before a provider was chosen: {unrouted}."
        ),
        (
            "Seguiram para outro provedor que não o primeiro: {requests} (respondidas lá: {answered}). "
            "Mais de uma tentativa: {retried}. Modelo mais barato por causa de um orçamento ou regra: {degraded}. "
            "Recusadas antes da escolha de um provedor: {unrouted}."
        ),
    ),
    "traffic.more": ("… and {count} more", "… e mais {count}"),
    # one request's story
    "story.title": ("Request {request} of run {run}", "Requisição {request} da execução {run}"),
    "story.asked": ("asked by", "pedida por"),
    "story.ended": ("ended", "terminou"),
    "story.in_flight": ("still in flight, or not yet written", "ainda em andamento, ou ainda não gravada"),
    "story.usage": ("usage", "uso"),
    "story.usage_text": ("{input} input and {output} output tokens", "{input} tokens de entrada e {output} de saída"),
    "story.took": ("took", "levou"),
    "story.first_token": ("{total}, first token after {ttft}", "{total}, primeiro token após {ttft}"),
    "story.queued": ("waited", "esperou"),
    "story.plan": ("plan", "plano"),
    "story.attempts": ("attempts", "tentativas"),
    "story.circumstances": ("In force when it arrived", "Em vigor quando chegou"),
    "story.since": ("{time} before", "{time} antes"),
    "story.steps": ("Step by step", "Passo a passo"),
    "story.after": ("after", "após"),
    "story.happened": ("what happened", "o que houve"),
    "story.decided": ("decided", "decidido"),
    "story.why": ("why", "por quê"),
    "story.no_steps": (
        "Its decisions are no longer kept; only how it ended is.",
        "As decisões sobre ela não são mais guardadas; só o seu desfecho.",
    ),
    # the plan
    "check.fine": ("{file}: no problem", "{file}: nenhum problema"),
    "check.warnings": ("{file}: can run (warnings: {warnings})", "{file}: pode rodar (avisos: {warnings})"),
    "check.errors": (
        "{file}: cannot run (errors: {errors}, warnings: {warnings})",
        "{file}: não pode rodar (erros: {errors}, avisos: {warnings})",
    ),
    "check.digest": ("digest {digest}", "resumo {digest}"),
    "explain.title": ("{name}, every value", "{name}, todos os valores"),
    "explain.value": ("value", "valor"),
    "explain.origin": ("from", "origem"),
    "explain.place": ("place in the plan", "lugar no plano"),
    # replay and prediction
    "replay.title": ("Replay", "Repetição"),
    "replay.identical": (
        "{decisions} decisions and {events} events taken anew: all identical.",
        "{decisions} decisões e {events} eventos refeitos: todos idênticos.",
    ),
    "replay.differs": (
        "{identical} of {decisions} decisions are identical. The first that differs is decision {seq}:",
        "{identical} de {decisions} decisões são idênticas. A primeira diferente é a decisão {seq}:",
    ),
    "replay.gap": ("Not all of the run could be replayed: {why}", "Nem toda a execução pôde ser repetida: {why}"),
    "replay.field": ("field", "campo"),
    "replay.recorded": ("recorded", "gravado"),
    "replay.replayed": ("replayed", "repetido"),
    "replay.fault": ("That is a fault of ours: please report it.", "Isso é uma falha nossa: por favor, relate."),
    "prediction.title": ("Prediction beside measurement", "Previsão ao lado da medição"),
    "prediction.what": ("quantity", "grandeza"),
    "prediction.predicted": ("predicted", "previsto"),
    "prediction.interval": ("over seeds", "entre sementes"),
    "prediction.measured": ("measured", "medido"),
    "prediction.difference": ("difference", "diferença"),
    "prediction.p95": ("p95 latency", "latência p95"),
    "prediction.p50": ("p50 latency", "latência p50"),
    "prediction.availability": ("answered", "respondidas"),
    "prediction.in_time": ("{tier}: within {bound}", "{tier}: em até {bound}"),
    "prediction.available": ("{tier}: available", "{tier}: disponível"),
    "prediction.note": (
        "The same plan and arrivals, simulated {seeds} times with service times fitted from the record.",
        "O mesmo plano e as mesmas chegadas, simulados {seeds} vezes com tempos de serviço ajustados ao registro.",
    ),
    "simulation.title": ("Simulation", "Simulação"),
    "simulation.note": (
        "{requests} requests in {seeds} seeds. Each figure is the mean over seeds, with the interval that holds 95% of such means.",
        "{requests} requisições em {seeds} sementes. Cada número é a média das sementes, com o intervalo que contém 95% de tais médias.",
    ),
    "simulation.one_seed": (
        "{requests} requests in one seed: a single possible day, without an interval.",
        "{requests} requisições em uma semente: um único dia possível, sem intervalo.",
    ),
    "simulation.mean": ("mean", "média"),
    "simulation.p99": ("p99 latency", "latência p99"),
    "simulation.ttft_p95": ("p95 first token", "primeiro token p95"),
    "simulation.cost_of": ("cost of {name}", "custo de {name}"),
    "simulation.opened": ("{name}: breaker opened", "{name}: disjuntor aberto"),
    "simulation.share_of": ("share of {name}", "parcela de {name}"),
    # the demonstration
    "act.check": ("checking {plan}", "verificando {plan}"),
    "act.sandboxes": ("starting sandbox providers: {names}", "iniciando provedores de ensaio: {names}"),
    "act.no_model": (
        "no real local model: {why}; a sandbox plays it",
        "sem modelo local de verdade: {why}; um ensaio faz o seu papel",
    ),
    "act.no_openai": (
        "the official client is not installed (extra `demo`): plain HTTP only",
        "o cliente oficial não está instalado (extra `demo`): só HTTP simples",
    ),
    "act.server": (
        "starting the gateway and the local model (the first start compiles the kernel: up to a minute)",
        "iniciando o gateway e o modelo local (a primeira vez compila o núcleo: até um minuto)",
    ),
    "act.said": ("{line}", "{line}"),
    "act.serving": ("serving at {base_url}, run {run}", "servindo em {base_url}, execução {run}"),
    "act.traffic": ("{seconds} s of traffic begin", "começam {seconds} s de tráfego"),
    "act.storm": ("{provider} begins to fail and to slow", "{provider} começa a falhar e a ficar lento"),
    "act.calm": ("{provider} is well again", "{provider} está bem de novo"),
    "act.drain": ("ending the server in order", "encerrando o servidor em ordem"),
    "act.report": ("reading the ledger", "lendo o registro"),
    "act.replay": ("replaying the run", "repetindo a execução"),
    "act.predict": (
        "simulating the same plan and demand, with service times fitted from the run",
        "simulando o mesmo plano e demanda, com tempos de serviço ajustados à execução",
    ),
    "demo.title": ("The demonstration, from its ledger", "A demonstração, a partir do seu registro"),
    "demo.local": (
        "{provider} was a real model on this machine: {requests} answers, {tokens} output tokens.",
        "{provider} foi um modelo de verdade nesta máquina: {requests} respostas, {tokens} tokens de saída.",
    ),
    "demo.no_local": ("The local model was played by a sandbox: {why}.", "O modelo local foi feito por um ensaio: {why}."),
    "demo.kept": ("The ledger is kept in {data}, run {run}.", "O registro fica em {data}, execução {run}."),
    "demo.stopped": ("Stopped; all that was started is ended.", "Interrompida; tudo o que foi iniciado foi encerrado."),
    # the live view
    "live.title": ("roteiro demo", "roteiro demo"),
    "live.rate": ("requests/s", "requisições/s"),
    "live.tokens": ("tokens/s", "tokens/s"),
    "live.cost": ("cost", "custo"),
    "live.in_flight": ("in flight", "em andamento"),
    "live.waiting": ("waiting", "em espera"),
    "live.total": ("requests", "requisições"),
    "live.p50": ("p50", "p50"),
    "live.p95": ("p95", "p95"),
    "live.ttft": ("TTFT p50", "TTFT p50"),
    "live.rules": ("rules that hold", "regras em vigor"),
    "live.budget": ("budget left", "orçamento restante"),
    "live.phase.calm": ("all is well", "tudo bem"),
    "live.phase.storm": ("primary fails and slows", "primary falha e fica lento"),
    "live.phase.after": ("after the outage", "depois da falha"),
}  # fmt: skip
