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
        "that the interval also holds the other verdict. What nothing measured is unverified, never met; a judge's and a canary's verdicts "
        "are counted as they were given. Numbers are those of the statements that --json prints."),
        ("A disponibilidade conta as requisições respondidas entre todas, menos as canceladas pelo cliente, as que o provedor recusou por "
        "erro do cliente, as que passaram de um limite ou orçamento de quem chamou e a manutenção anunciada. Um p95 é cumprido quando ao "
        "menos 95% das respostas chegam dentro dele. Percentis são valores medidos (inversa da distribuição empírica), sobre todas as "
        "respostas juntas. O orçamento restante é 1 − ruins ÷ ((1 − meta) × todas), no período deste relatório. Os intervalos são de "
        "Wilson, de 95%; “sem certeza” quer dizer que o intervalo também contém o outro veredito. O que nada mediu está não verificado, "
        "nunca cumprido; os vereditos de juízes e canários contam como foram dados. Os números são os das consultas que --json mostra."),
    ),
    "sla.unverified_note": (
        "Unverified: nothing measured it, so nothing is claimed.",
        "Não verificado: nada mediu isso, e por isso nada se afirma.",
    ),
}  # fmt: skip
