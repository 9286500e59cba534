"""What reports on service levels say: promises by dimension, error budgets, burn alerts, composition of what vendors promise.

`{name}` stands for what the report fills in. What must not live here: numbers.
"""

from typing import Final

__all__ = ["SERVICE_LEVEL_WORDS"]

SERVICE_LEVEL_WORDS: Final[dict[str, tuple[str, str]]] = {
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
    "sla.corrected": ("{share}, corrected", "{share}, corrigido"),
    "sla.judge_tells_nothing": ("the judge tells nothing", "o juiz nada diz"),
    "sla.within": ("{share} within {bound}", "{share} em até {bound}"),
    "sla.at_least": ("at least {share}", "no mínimo {share}"),
    "sla.p95_within": ("p95 within {bound}", "p95 em até {bound}"),
    "sla.times": ("Times of answers", "Tempos das respostas"),
    "sla.streams": ("streams", "fluxos"),
    "sla.ttft": ("first token", "primeiro token"),
    "sla.excluded": ("Left out", "Fora da conta"),
    "sla.excluded_none": ("nothing left out", "nada de fora"),
    "sla.targets_of": (
        "Targets are those of plan {digest}, the latest of several in this period.",
        "As metas são as do plano {digest}, o último de vários neste período.",
    ),
    "sla.targets_unknown": (
        "The plan of these requests is not in the data directory: there are no targets to judge by.",
        "O plano destas requisições não está no diretório de dados: não há metas para julgar.",
    ),
    "sla.verdicts": ("Verdicts", "Vereditos"),
    "sla.promises": ("Promises", "Promessas"),
    "sla.own": ("Objectives of one's own", "Objetivos próprios"),
    "sla.objective": ("objective", "objetivo"),
    "sla.support": ("support, as declared", "suporte, como declarado"),
    "sla.budget": ("budget left", "orçamento restante"),
    "sla.by": ("By {what}", "Por {what}"),
    "sla.maintenance": ("announced maintenance", "manutenção anunciada"),
    "sla.empty_slices": ("slices without any request", "fatias sem requisição"),
    "sla.left_out": ("left out", "fora"),
    "sla.count": ("count", "contagem"),
    "sla.region": ("region", "região"),
    # a dimension
    "sla.of.availability": ("availability", "disponibilidade"),
    "sla.of.latency": ("latency", "latência"),
    "sla.of.ttft": ("first token", "primeiro token"),
    "sla.of.throughput": ("throughput", "vazão"),
    "sla.of.quality": ("quality", "qualidade"),
    "sla.of.confidence": ("confidence", "confiança"),
    "sla.of.hallucination": ("hallucination", "alucinação"),
    "sla.of.leaks": ("leaks of personal data", "vazamentos de dados pessoais"),
    "sla.of.auditable": ("auditable", "auditável"),
    "sla.of.cost": ("cost a request", "custo por requisição"),
    "sla.percentile": ("p{percent} {what}", "{what} p{percent}"),
    # its target and what was measured
    "sla.share_within": ("{share} within {bound}", "{share} em até {bound}"),
    "sla.percentile_within": ("p{percent} within {bound}", "p{percent} em até {bound}"),
    "sla.share_above": ("{share} at {bound} or more", "{share} com {bound} ou mais"),
    "sla.at_most": ("at most {share}", "no máximo {share}"),
    "sla.tokens_a_second": ("{tokens} tokens/s", "{tokens} tokens/s"),
    "sla.zero_leaks": ("none", "nenhum"),
    "sla.leaks_found": ("{count} of {looked} answers looked through", "{count} de {looked} respostas examinadas"),
    "sla.mean": ("mean {value}", "média {value}"),
    "sla.mean_at_most": ("mean at most {value}", "média de no máximo {value}"),
    "sla.overspent": ("spent {times} times", "gasto {times} vezes"),
    "sla.method": (
        ("Availability counts answered requests among all but those the client cancelled, those the provider refused as the client's "
        "mistake, those past a limit or a budget of the caller, and announced maintenance. A p95 is kept when at least 95% of the answers "
        "come within it. Percentiles are values that were measured (inverse of the empirical distribution), over all answers at once. "
        "The budget left is 1 − bad ÷ ((1 − target) × all), over the period of this report. Intervals are Wilson's, 95%; “not sure” means "
        "that the interval also holds the other verdict. What nothing measured is unverified, never met; of a judge who was measured, "
        "the share is told without its own errors (Rogan–Gladen), else verdicts are counted as they were given. "
        "Numbers are those of the statements that --json prints."),
        ("A disponibilidade conta as requisições respondidas entre todas, menos as canceladas pelo cliente, as que o provedor recusou por "
        "erro do cliente, as que passaram de um limite ou orçamento de quem chamou e a manutenção anunciada. Um p95 é cumprido quando ao "
        "menos 95% das respostas chegam dentro dele. Percentis são valores medidos (inversa da distribuição empírica), sobre todas as "
        "respostas juntas. O orçamento restante é 1 − ruins ÷ ((1 − meta) × todas), no período deste relatório. Os intervalos são de "
        "Wilson, de 95%; “sem certeza” quer dizer que o intervalo também contém o outro veredito. O que nada mediu está não verificado, "
        "nunca cumprido; de um juiz que foi medido, a parcela é contada sem os erros dele (Rogan–Gladen), senão os vereditos contam como "
        "foram dados. Os números são os das consultas que --json mostra."),
    ),
    "sla.unverified_note": (
        "Unverified: nothing measured it, so nothing is claimed.",
        "Não verificado: nada mediu isso, e por isso nada se afirma.",
    ),
    # objectives of a plan
    "slo.title": ("Objectives", "Objetivos"),
    "slo.of": ("of", "de"),
    "slo.window": ("window", "janela"),
    "slo.rolling": ("last {length}", "últimos {length}"),
    "slo.calendar.day": ("day ({zone})", "dia ({zone})"),
    "slo.calendar.week": ("week ({zone})", "semana ({zone})"),
    "slo.calendar.month": ("month ({zone})", "mês ({zone})"),
    "slo.calendar.quarter": ("quarter ({zone})", "trimestre ({zone})"),
    "slo.in_slices": ("{window}, slices of {length}", "{window}, fatias de {length}"),
    "slo.steps": ("steps", "passos"),
    "slo.do.notify": ("notify", "avisar"),
    "slo.do.degrade": ("degrade", "degradar"),
    "slo.do.freeze": ("freeze", "congelar"),
    "slo.do.shed": ("shed", "descartar"),
    "slo.no_objectives": ("The plan promises nothing.", "O plano não promete nada."),
    "slo.alerts": ("Burn alerts", "Alertas de queima"),
    "slo.severity": ("severity", "gravidade"),
    "slo.page": ("page", "urgente"),
    "slo.ticket": ("ticket", "chamado"),
    "slo.burn": ("burn", "queima"),
    "slo.windows": ("windows", "janelas"),
    "slo.spends": ("of the budget", "do orçamento"),
    "slo.events": ("requests in the long one", "requisições na longa"),
    "slo.failures": ("fires at failures", "dispara com falhas"),
    "slo.unknown": ("unknown", "desconhecido"),
    "slo.never": ("never", "nunca"),
    "slo.terms": (
        ("An alert fires where both windows burn so fast, the long one's failures have really spent that share of the window's budget, and "
        "so many are rarer than once in a thousand in a service that just keeps its objective. Failures are told for the plan's demand."),
        ("Um alerta dispara quando as duas janelas queimam tão depressa, as falhas da longa gastaram de fato essa parte do orçamento da "
        "janela, e tantas falhas são mais raras que uma vez em mil num serviço que cumpre o objetivo por pouco. As falhas são ditas para "
        "a demanda do plano."),
    ),
    # composition
    "slo.composition": ("What vendors' promises carry", "O que as promessas dos fornecedores sustentam"),
    "slo.first": ("first attempts", "primeiras tentativas"),
    "slo.p95": ("p95 latency", "latência p95"),
    "slo.fate": ("goes down with", "cai junto com"),
    "slo.nothing": ("nothing", "nada"),
    "slo.independent": (
        "If they fail independently, the path promises {share} of the requests.",
        "Se falham de modo independente, o caminho promete {share} das requisições.",
    ),
    "slo.together": ("If all fail at once, {share}.", "Se todos falham ao mesmo tempo, {share}."),
    "slo.carried_p95": ("p95 latency that is carried: {bound}.", "Latência p95 que se sustenta: {bound}."),
    "slo.cached": ("Answered by the cache without a vendor: {share}.", "Respondidas pelo cache, sem fornecedor: {share}."),
    "slo.alone": (
        "A request's attempts reach one target alone: raise retry.attempts above retry.same_target + 1.",
        "As tentativas de uma requisição só alcançam um alvo: aumente retry.attempts acima de retry.same_target + 1.",
    ),
    "slo.carried": ("{tier} promises {promise}: carried.", "{tier} promete {promise}: sustenta-se."),
    "slo.not_carried": ("{tier} promises {promise}: not carried.", "{tier} promete {promise}: não se sustenta."),
    "slo.caveat": (
        ("Nobody promises independence: a shared cloud, network or identity provider is down for several vendors at once, and targets "
        "named as going down together count as one. Public status pages of two large vendors show outages on the same day about as "
        "often as chance would have it. What is not promised counts as nothing. Answers after a failed attempt take longer than any "
        "vendor's p95."),
        ("Ninguém promete independência: nuvem, rede ou provedor de identidade compartilhados derrubam vários fornecedores de uma vez, e "
        "alvos que caem juntos contam como um. As páginas de status de dois grandes fornecedores mostram falhas no mesmo dia mais ou menos "
        "como o acaso faria. O que não é prometido conta como nada. Respostas depois de uma tentativa falha demoram mais que qualquer p95 "
        "de fornecedor."),
    ),
    # as of now
    "slo.status": ("Error budgets", "Orçamentos de erro"),
    "slo.spent_by": ("spent", "gasto"),
    "slo.status_note": (
        ("As of {at}, each objective in its own window. A budget is that of the requests which the whole window is expected to have. It is "
        "spent when failures go on at the rate of the window's last thirtieth; the interval is 95%."),
        ("Em {at}, cada objetivo em sua própria janela. O orçamento é o das requisições que se esperam na janela inteira. Ele se gasta se "
        "as falhas seguirem no ritmo do último trigésimo da janela; o intervalo é de 95%."),
    ),
    "slo.not_in_window": ("not in this window", "não nesta janela"),
    "slo.at_worst": ("not in this window; at worst {at}", "não nesta janela; no pior caso {at}"),
    "slo.between": ("{at} ({earliest} – {latest})", "{at} ({earliest} – {latest})"),
    "slo.spent_already": ("spent already", "já gasto"),
    "slo.burns": ("How fast they burn", "Em que ritmo queimam"),
    "slo.no_burn": ("Nothing burns.", "Nada queima."),
    "slo.fires_at": ("fires at", "dispara em"),
    "slo.long": ("long window", "janela longa"),
    "slo.short": ("short window", "janela curta"),
    "slo.state": ("state", "estado"),
    "slo.fires": ("fires", "dispara"),
    "slo.quiet": ("quiet", "quieto"),
    # alerts over a record
    "slo.fired": ("{pages} pages and {tickets} tickets.", "{pages} alertas urgentes e {tickets} chamados."),
    "slo.times": ("times", "vezes"),
    "slo.usual": ("by the usual rule", "pela regra usual"),
    "slo.usual_note": (
        "The usual rule asks neither for budget really spent nor for more failures than chance brings.",
        "A regra usual não pede nem orçamento gasto de fato nem mais falhas que o acaso traz.",
    ),
    "slo.story": ("When", "Quando"),
    "slo.from": ("from", "de"),
    "slo.to": ("to", "até"),
    "slo.still": ("still", "ainda"),
    "slo.failed": ("failures", "falhas"),
}  # fmt: skip
