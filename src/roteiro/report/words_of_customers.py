"""What the report to a customer says: the verdict in a sentence, the month's course, incidents, credits, and the proof of each figure.

`{name}` stands for what the report fills in. What must not live here: numbers.
"""

from typing import Final

__all__ = ["CUSTOMER_WORDS"]

CUSTOMER_WORDS: Final[dict[str, tuple[str, str]]] = {
    "customer.title": ("Service level report", "Relatório de nível de serviço"),
    "customer.of_tier": ("tier {tier}", "nível {tier}"),
    "customer.of_tenant": ("{tenant}, tier {tier}", "{tenant}, nível {tier}"),
    "customer.months": (
        "January February March April May June July August September October November December",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    ),
    "customer.month": ("{name} {year}", "{name} de {year}"),
    # the verdict in a sentence
    "customer.kept": ("In {month}, every promise was kept ({of}).", "Em {month}, todas as promessas foram cumpridas ({of})."),
    "customer.kept_measured": (
        "In {month}, every promise that could be measured was kept ({kept} of {of}).",
        "Em {month}, todas as promessas que puderam ser medidas foram cumpridas ({kept} de {of}).",
    ),
    "customer.missed": (
        "In {month}, {missed} of {of} promises were not kept: {names}.",
        "Em {month}, {missed} de {of} promessas não foram cumpridas: {names}.",
    ),
    "customer.missed_one": (
        "In {month}, one of {of} promises was not kept: {names}.",
        "Em {month}, uma de {of} promessas não foi cumprida: {names}.",
    ),
    "customer.nothing": (
        "In {month}, none of the promises ({of}) could be measured.",
        "Em {month}, nenhuma das promessas ({of}) pôde ser medida.",
    ),
    "customer.unverified": (
        "Unverified, because nothing measured it: {names}.",
        "Não verificado, porque nada o mediu: {names}.",
    ),
    "customer.credit": ("A credit of {amount} is due.", "É devido um crédito de {amount}."),
    "customer.no_credit": ("No credit is due.", "Nenhum crédito é devido."),
    "customer.unfinished": (
        "The month is not over: this is what there was until {until}.",
        "O mês ainda não terminou: isto é o que houve até {until}.",
    ),
    "customer.other_window": (
        "The plan promises these over another window ({window}); here they are judged over the calendar month.",
        "O plano promete isto sobre outra janela ({window}); aqui é julgado sobre o mês do calendário.",
    ),
    # sections
    "customer.promises": ("What was promised, and what was measured", "O que foi prometido e o que foi medido"),
    "customer.proof": ("proof", "prova"),
    "customer.course": ("The month, day by day", "O mês, dia a dia"),
    "customer.share_by_day": ("{what}: share of good requests by day {proof}", "{what}: parcela de requisições boas por dia {proof}"),
    "customer.measured_line": ("measured", "medido"),
    "customer.promised_line": ("promised, {share}", "prometido, {share}"),
    "customer.incident_span": ("incident", "incidente"),
    "customer.left_by_day": ("Error budget left at each day's end {proof}", "Orçamento de erro restante ao fim de cada dia {proof}"),
    "customer.left_note": (
        "The error budget is what may fail without breaking the promise: (1 − target) of the month's requests. At 0% it is spent.",
        "O orçamento de erro é o que pode falhar sem quebrar a promessa: (1 − meta) das requisições do mês. Em 0% está gasto.",
    ),
    "customer.incidents": ("Incidents", "Incidentes"),
    "customer.incidents_none": (
        "None: no stretch of time was worse than the rest by more than chance and spent 1% of an error budget.",
        "Nenhum: nenhum intervalo foi pior que o resto além do acaso e gastou 1% de um orçamento de erro.",
    ),
    "customer.steady": (
        "{what} was missed throughout: incidents explain {share} of what was bad.",
        "{what}: descumprido o tempo todo; incidentes explicam {share} do que foi ruim.",
    ),
    "customer.incidents_note": (
        ("An incident is a stretch in which twice as much failed as is usual, to five minutes; it spent at least 1% of the month's "
         "error "
        "budget, and is more than chance. Providers: where the bad requests were tried last. Breakers: those that opened meanwhile."),
        ("Um incidente é um intervalo em que falhou o dobro do usual, com precisão de cinco minutos; gastou ao menos 1% do "
        "orçamento de erro do mês e é mais que o acaso. Provedores: onde as requisições ruins foram tentadas por último. Disjuntores: "
        "os que "
        "abriram nesse tempo."),
    ),
    "customer.incidents_more": ("Smaller ones that are not listed: {count}.", "Menores, não listados: {count}."),
    "customer.began": ("began", "início"),
    "customer.ended": ("ended", "fim"),
    "customer.length": ("length", "duração"),
    "customer.bad": ("bad", "ruins"),
    "customer.spent": ("budget spent", "orçamento gasto"),
    "customer.providers": ("providers", "provedores"),
    "customer.breakers": ("breakers opened", "disjuntores abertos"),
    "customer.provider_count": ("{name}: {count}", "{name}: {count}"),
    "customer.none_tried": ("none tried", "nenhum tentado"),
    "customer.minutes": ("{minutes} min", "{minutes} min"),
    "customer.maintenance": ("Announced maintenance", "Manutenção anunciada"),
    "customer.maintenance_none": ("None in this month.", "Nenhuma neste mês."),
    "customer.maintenance_note": (
        "What arrived in it counts for no promise, good or bad.",
        "O que chegou nesse tempo não conta para nenhuma promessa, nem bom nem ruim.",
    ),
    "customer.reason": ("reason", "motivo"),
    "customer.excluded": ("Left out of the promises", "Fora das promessas"),
    "customer.excluded_note": (
        ("Of {requests} requests {proof}, these say nothing about the service: cancelled by the client, refused as the client's mistake, "
        "or past a limit or a budget of the caller."),
        ("De {requests} requisições {proof}, estas nada dizem do serviço: canceladas pelo cliente, recusadas por erro do cliente, ou "
         "além de "
        "um limite ou orçamento de quem chamou."),
    ),
    "customer.times": ("How long answers took", "Quanto tempo levaram as respostas"),
    "customer.whole": ("the whole answer", "a resposta inteira"),
    "customer.support": ("Support", "Suporte"),
    "customer.support_note": (
        "As declared, and not measured: {support}",
        "Como declarado, e não medido: {support}",
    ),
    "customer.support_none": ("None is declared.", "Nenhum é declarado."),
    "customer.credits": ("Credits", "Créditos"),
    "customer.credits_none": (
        "The plan names no credits for this tier.",
        "O plano não prevê créditos para este nível.",
    ),
    "customer.attained": ("availability attained", "disponibilidade obtida"),
    "customer.bracket": ("bracket", "faixa"),
    "customer.bracket_of": ("below {below}: {credit}", "abaixo de {below}: {credit}"),
    "customer.bracket_none": ("none applies", "nenhuma se aplica"),
    "customer.charged": ("charges", "cobrado"),
    "customer.due": ("credit due", "crédito devido"),
    "customer.credits_note": (
        ("Each customer's credit is a share of its own charges of the month, by its own availability; of the brackets that apply "
        "({brackets}) the largest. Charges are what providers asked for the answers, at the plan's prices. Amounts are told to the cent."),
        ("O crédito de cada cliente é uma parcela do que lhe foi cobrado no mês, por sua própria disponibilidade; das faixas que se "
         "aplicam "
        "({brackets}), a maior. Cobrado é o que os provedores pediram pelas respostas, aos preços do plano. Valores ao centavo."),
    ),
    "customer.method": ("How this was measured", "Como isto foi medido"),
    "customer.method_note": (
        ("Everything is counted from the ledger, one row a request. A p95 is kept when at least 95% of the answers came within it. "
         "Intervals "
        "are Wilson's, 95%; “not sure” means that the interval also holds the other verdict. What nothing measured is unverified, "
        "never met. "
        "A day is one of {timezone}. Each figure names the statement that it is read from, as [Q1]; all of them are at the end."),
        ("Tudo é contado a partir do registro, uma linha por requisição. Um p95 é cumprido quando ao menos 95% das respostas chegaram "
         "dentro "
        "dele. Os intervalos são de Wilson, de 95%; “sem certeza” quer dizer que o intervalo também contém o outro veredito. O que "
        "nada mediu "
        "não está verificado, nunca cumprido. Um dia é um dia de {timezone}. Cada número nomeia a consulta de que é lido, como [Q1]; todas "
        "estão no fim."),
    ),
    "customer.evidence": ("Evidence", "Evidências"),
    "customer.plans": ("Plans in force, by digest {proof}", "Planos em vigor, por resumo {proof}"),
    "customer.digest": ("SHA-256 of the plan", "SHA-256 do plano"),
    "customer.from": ("from", "de"),
    "customer.to": ("to", "até"),
    "customer.ledger": (
        "The ledger holds {requests} requests of this period (runs: {runs}), from {first} to {last} {proof}.",
        "O registro contém {requests} requisições deste período (execuções: {runs}), de {first} a {last} {proof}.",
    ),
    "customer.files": (
        "Files: {count}, {size} MB. SHA-256 of the list at the end: {digest}",
        "Arquivos: {count}, {size} MB. SHA-256 da lista no fim: {digest}",
    ),
    "customer.unsettled": (
        ("{count} requests of the period are in files that are still being written: the statements below see them once the server has "
        "settled them."),
        ("{count} requisições do período estão em arquivos ainda em escrita: as consultas abaixo as veem quando o servidor os tiver "
        "fechado."),
    ),
    "customer.queries": ("Appendix: statements", "Apêndice: consultas"),
    "customer.queries_note": (
        ("They run with DuckDB in the data directory, and give the figures of this report. First, once, the tables; times are UTC. "
         "Counts of a "
        "course are by five minutes from the beginning of the month; the report adds them up by day."),
        ("Rodam com o DuckDB no diretório de dados e dão os números deste relatório. Primeiro, uma vez, as tabelas; horas em UTC. As "
         "contagens "
        "de um curso são de cinco em cinco minutos desde o início do mês; o relatório as soma por dia."),
    ),
    "customer.tables": ("The tables", "As tabelas"),
    "customer.list": ("Files, as sha256sum tells them", "Arquivos, como sha256sum os diz"),
    # titles of statements
    "customer.q.counts": ("good and bad by promise", "boas e ruins por promessa"),
    "customer.q.course": ("the same by five minutes", "o mesmo de cinco em cinco minutos"),
    "customer.q.outcomes": ("requests by outcome", "requisições por desfecho"),
    "customer.q.times": ("times of answers", "tempos das respostas"),
    "customer.q.breakers": ("breakers that opened in incidents", "disjuntores que abriram em incidentes"),
    "customer.q.causes": ("bad requests in incidents, by provider", "requisições ruins em incidentes, por provedor"),
    "customer.q.by_tenant": ("availability by customer", "disponibilidade por cliente"),
    "customer.q.charges": ("charges by customer", "cobranças por cliente"),
    "customer.q.maintenance": ("requests in maintenance", "requisições em manutenção"),
    "customer.q.plans": ("plans in force", "planos em vigor"),
    "customer.q.ledger": ("extent of the ledger", "extensão do registro"),
}  # fmt: skip
