"""What reports on vendors say, in English and Brazilian Portuguese.

What must not live here: numbers.
"""

from typing import Final

__all__ = ["VENDOR_WORDS"]

VENDOR_WORDS: Final[dict[str, tuple[str, str]]] = {
    "vendor": ("vendor", "fornecedor"),
    "vendors.title": ("Vendors", "Fornecedores"),
    "vendors.score_title": ("Vendors compared", "Fornecedores comparados"),
    "vendors.about": ("plan {plan}, {data}, {period}", "plano {plan}, {data}, {period}"),
    "vendors.declared_only": ("declared facts alone", "apenas fatos declarados"),
    "vendors.no_attempts": ("no attempts found", "nenhuma tentativa encontrada"),
    "vendors.criterion.performance": ("performance", "performance"),
    "vendors.criterion.quality": ("model quality", "qualidade do modelo"),
    "vendors.criterion.security": ("security", "segurança"),
    "vendors.criterion.cost": ("cost", "custo"),
    "vendors.criterion.support": ("support", "suporte"),
    "vendors.criterion.ecosystem": ("ecosystem", "ecossistema"),
    "vendors.measure.availability": ("availability", "disponibilidade"),
    "vendors.measure.refused_for_load": ("refused for load (429)", "recusadas por carga (429)"),
    "vendors.measure.latency_p95": ("latency p95", "latência p95"),
    "vendors.measure.ttft_p95": ("first token p95", "primeiro token p95"),
    "vendors.measure.throughput": ("tokens a second, median", "tokens por segundo, mediana"),
    "vendors.measure.canaries": ("canary questions right", "perguntas-canário certas"),
    "vendors.measure.judged": ("good, by the judge alone", "boas, só segundo o juiz"),
    "vendors.measure.well_formed": ("well-formed answers", "respostas bem formadas"),
    "vendors.measure.benchmarks": ("published benchmarks", "benchmarks publicados"),
    "vendors.measure.fine_tuning": ("fine-tuning", "fine-tuning"),
    "vendors.measure.certifications": ("certifications wanted", "certificações desejadas"),
    "vendors.measure.agreements": ("agreements on data", "acordos sobre dados"),
    "vendors.measure.data_retention": ("data kept for", "dados guardados por"),
    "vendors.measure.no_training": ("does not train on data", "não treina com os dados"),
    "vendors.measure.residency": ("residency wanted", "residência desejada"),
    "vendors.measure.price": ("price of a million tokens", "preço de um milhão de tokens"),
    "vendors.measure.price_rise": ("price rise in a year", "alta do preço em um ano"),
    "vendors.measure.recovery": ("recovery from incidents", "recuperação de incidentes"),
    "vendors.measure.first_response": ("first response promised", "primeira resposta prometida"),
    "vendors.measure.documentation": ("documentation", "documentação"),
    "vendors.measure.sdks": ("libraries wanted", "bibliotecas desejadas"),
    "vendors.measure.integrations": ("integrations wanted", "integrações desejadas"),
    "vendors.measure.community": ("community", "comunidade"),
    "vendors.basis.measured": ("measured", "medido"),
    "vendors.basis.declared": ("declared", "declarado"),
    "vendors.basis.listed": ("price list", "lista de preços"),
    "vendors.basis.stale": ("stale", "vencido"),
    "vendors.basis.none": ("no data", "sem dados"),
    "vendors.first_sure": (
        "{vendor} is first, and no other is likely to be level: ahead in at least 97.5% of what the measurements allow.",
        "{vendor} é o primeiro, e nenhum outro deve estar à sua altura: à frente em ao menos 97,5% do que as medições permitem.",
    ),
    "vendors.first_unsure": (
        "Not distinguishable: {vendor} has the highest score, and the measurements do not rule out that another is level.",
        "Indistinguíveis: {vendor} tem a maior nota, e as medições não excluem que outro esteja à sua altura.",
    ),
    "vendors.alone": ("Only {vendor} has enough known to be scored.", "Só {vendor} tem o bastante conhecido para receber nota."),
    "vendors.no_ranking": (
        "No ranking: too little is known (a vendor needs {least} of the weight). What is missing is told below.",
        "Sem classificação: sabe-se muito pouco (um fornecedor precisa de {least} do peso). O que falta é dito abaixo.",
    ),
    "vendors.rank": ("rank", "posição"),
    "vendors.not_ranked": ("not ranked", "sem posição"),
    "vendors.score": ("score", "nota"),
    "vendors.comparable": ("score on what all have", "nota no que todos têm"),
    "vendors.interval": ("95% interval", "intervalo de 95%"),
    "vendors.coverage": ("known", "conhecido"),
    "vendors.weight": ("weight", "peso"),
    "vendors.by_criterion": ("By criterion", "Por critério"),
    "vendors.by_measure": ("By measure", "Por medida"),
    "vendors.measure": ("measure", "medida"),
    "vendors.value": ("value", "valor"),
    "vendors.measured_title": ("Measured, with intervals", "Medido, com intervalos"),
    "vendors.declared_title": ("Declared, with sources", "Declarado, com fontes"),
    "vendors.basis": ("basis", "base"),
    "vendors.source": ("source", "fonte"),
    "vendors.as_of": ("read on", "lido em"),
    "vendors.note.certifications": ("missing: {what}", "faltam: {what}"),
    "vendors.note.recovery": ("{what} incidents", "{what} incidentes"),
    "vendors.note.price_rise": ("{what} in the year", "{what} no ano"),
    "vendors.note.price": ("at {what} input tokens", "com {what} de tokens de entrada"),
    "vendors.n": ("n", "n"),
    "vendors.sensitivity": ("How far the ranking can be trusted", "Até onde a classificação merece confiança"),
    "vendors.place": ("{place}.", "{place}º"),
    "vendors.first_any": ("first, any weights", "1º, quaisquer pesos"),
    "vendors.first_ordered": ("first, same order of weights", "1º, mesma ordem de pesos"),
    "vendors.shift": ("weight to move to overtake", "peso a mover para ultrapassar"),
    "vendors.shift_never": ("no weights", "nenhum peso"),
    "vendors.shift_to": ("{moved}: {weights}", "{moved}: {weights}"),
    "vendors.compared_title": ("Like with like", "Iguais com iguais"),
    "vendors.attempts": ("attempts", "tentativas"),
    "vendors.failures": ("failures", "falhas"),
    "vendors.compared": ("compared", "comparadas"),
    "vendors.incidents": ("incidents", "incidentes"),
    "vendors.matched": (
        (
            "Compared over {strata} of {of_strata} kinds of request (model, workload, streamed or not, length of input) that every "
            "vendor was asked, each weighing as in all traffic. Attempts count, not only requests: what failed and was answered "
            "elsewhere is a failure."
        ),
        (
            "Comparados em {strata} de {of_strata} tipos de requisição (modelo, carga, fluxo ou não, tamanho da entrada) pedidos a "
            "todos os fornecedores, cada um com o peso que tem no tráfego. Contam tentativas, não só requisições: o que falhou e foi "
            "respondido por outro é uma falha."
        ),
    ),
    "vendors.unmatched": (
        "No kind of request was asked of every vendor often enough: each is told on its own traffic, and differences may be the traffic's.",
        (
            "Nenhum tipo de requisição foi pedido a todos os fornecedores vezes bastantes: cada um é medido no seu tráfego, e "
            "diferenças podem ser do tráfego."
        ),
    ),
    "vendors.from_events": (
        "{count} attempts of {vendor} are told by events alone, as their decisions are gone: earlier failed attempts may be missing.",
        "{count} tentativas de {vendor} são conhecidas só pelos eventos, pois suas decisões expiraram: falhas anteriores podem faltar.",
    ),
    "vendors.method": (
        (
            "No data is no score: what is not known is left out of the score and shown as coverage; ranks use only what is known of all "
            "that are ranked ({count} measures). Intervals allow for failures in bursts (blocks of {block}). Scales: "
            "docs/explanation/vendors.md."
        ),
        (
            "Sem dados, sem nota: o que não se sabe fica fora da nota e aparece como cobertura; posições usam só o que se sabe de todos "
            "os classificados ({count} medidas). Os intervalos consideram falhas em rajadas (blocos de {block}). Escalas: "
            "docs/explanation/vendors.md."
        ),
    ),
    "vendors.stale": ("Stale, and without a score: {what}", "Vencido, e sem nota: {what}"),
    "vendors.sla_title": ("Vendors' promises", "Promessas dos fornecedores"),
    "vendors.sla_about": ("plan {plan}, {data}, as of {at} UTC", "plano {plan}, {data}, em {at} UTC"),
    "vendors.sla_none": ("No vendor of the plan promises anything.", "Nenhum fornecedor do plano promete algo."),
    "vendors.sla_no_rows": ("No requests in the ledger to judge by.", "Sem requisições no registro para julgar."),
    "vendors.sla_without": ("No promise is written of: {names}.", "Nenhuma promessa registrada de: {names}."),
    "vendors.period": ("period", "período"),
    "vendors.so_far": ("{period} so far", "{period} até agora"),
    "vendors.promised": ("promised", "prometido"),
    "vendors.attained": ("attained", "alcançado"),
    "vendors.counted": ("counted", "contado"),
    "vendors.by_requests": ("{failures} of {requests} requests failed", "{failures} de {requests} requisições falharam"),
    "vendors.by_slices": (
        "{down} of {slices} slices down ({seen} with requests)",
        "{down} de {slices} intervalos fora ({seen} com requisições)",
    ),
    "vendors.left_out": ("left out", "fora da conta"),
    "vendors.class.unknown": ("unknown", "desconhecida"),
    "vendors.class.maintenance": ("maintenance", "manutenção"),
    "vendors.paid": ("paid", "pago"),
    "vendors.due": ("owed", "devido"),
    "vendors.due_share": ("{due} ({share})", "{due} ({share})"),
    "vendors.claim_until": ("claim by", "reclamar até"),
    "vendors.days_left": ("{date}, {days} days left", "{date}, restam {days} dias"),
    "vendors.too_late": ("{date}, too late", "{date}, tarde demais"),
    "vendors.kept_word": ("kept", "cumprida"),
    "vendors.missed": ("missed", "descumprida"),
    "vendors.stale_terms": (
        "The SLA of {vendor} was read on {as_of} and is stale: read the contract again before a claim.",
        "O SLA de {vendor} foi lido em {as_of} e está vencido: releia o contrato antes de reclamar.",
    ),
    "vendors.unknown_left_out": (
        "{count} failures of {vendor} are of unknown class, as their decisions are gone, and count for neither side.",
        "{count} falhas de {vendor} são de classe desconhecida, pois suas decisões expiraram, e não contam para nenhum lado.",
    ),
    "vendors.sla_method": (
        (
            "Every attempt sent to a vendor counts, as its contract counts it: failures are the classes that the SLA names, what is "
            "excluded is counted apart. A slice without a request counts as up. Paid is the ledger's cost of answers, at the plan's "
            "prices."
        ),
        (
            "Conta cada tentativa enviada ao fornecedor, como seu contrato conta: falhas são as classes que o SLA nomeia, e o excluído "
            "é contado à parte. Um intervalo sem requisição conta como no ar. Pago é o custo das respostas no registro, aos preços do "
            "plano."
        ),
    ),
    "claim.title": ("Claim of service credit, {period}", "Reclamação de crédito de serviço, {period}"),
    "claim.to": ("To", "Para"),
    "claim.account": ("Account", "Conta"),
    "claim.date": ("Date", "Data"),
    "claim.opening": (
        (
            "In {period} (from {since} to {until} UTC) your service did not reach the availability that you promise: {share} of "
            "{target}. We claim the credit that is owed for it: {due}, which is {credit} of the {paid} paid for that period."
        ),
        (
            "Em {period} (de {since} a {until} UTC) seu serviço não alcançou a disponibilidade prometida: {share} de {target}. "
            "Reclamamos o crédito devido: {due}, que é {credit} dos {paid} pagos por esse período."
        ),
    ),
    "claim.late": (
        "The window for claims closed on {date}; we ask you to consider this claim nevertheless.",
        "O prazo para reclamar terminou em {date}; pedimos que esta reclamação seja considerada mesmo assim.",
    ),
    "claim.in_time": ("This claim is made in time: it may be made until {date}.", "Esta reclamação é feita no prazo, que vai até {date}."),
    "claim.how": ("How it was measured", "Como foi medido"),
    "claim.promise": ("promise", "promessa"),
    "claim.source": ("{source} (read on {as_of})", "{source} (lido em {as_of})"),
    "claim.measured": ("measured by", "medido por"),
    "claim.measured.requests": ("share of requests that did not fail", "parcela de requisições que não falharam"),
    "claim.measured.slices": (
        "slices of {length} in which more than {above} of requests failed",
        "intervalos de {length} em que mais de {above} das requisições falharam",
    ),
    "claim.result": ("result", "resultado"),
    "claim.excluded": ("left out of the count", "fora da conta"),
    "claim.covered": ("models", "modelos"),
    "claim.failures": ("Failures", "Falhas"),
    "claim.class": ("class", "classe"),
    "claim.hours": ("Hours with failures (UTC)", "Horas com falhas (UTC)"),
    "claim.hour": ("hour", "hora"),
    "claim.hours_more": ("and {count} hours more, in by_hour.csv", "e mais {count} horas, em by_hour.csv"),
    "claim.evidence": ("Evidence", "Evidência"),
    "claim.evidence_note": (
        (
            "One row for each failed request: run and number, time (UTC), class of failure, HTTP status, model and region. No prompts, "
            "no answers, no names of our customers."
        ),
        (
            "Uma linha por requisição que falhou: execução e número, hora (UTC), classe da falha, status HTTP, modelo e região. Sem "
            "prompts, sem respostas, sem nomes de nossos clientes."
        ),
    ),
    "claim.file": ("file", "arquivo"),
    "claim.rows": ("rows", "linhas"),
    "claim.bytes": ("bytes", "bytes"),
    "claim.no_files": ("Write the evidence with --out FOLDER.", "Grave a evidência com --out PASTA."),
    "claim.closing": (
        "Please confirm receipt, and tell us with which invoice the credit comes.",
        "Pedimos que confirmem o recebimento e informem em qual fatura virá o crédito.",
    ),
    "contingency.title": ("If a vendor goes away", "Se um fornecedor desaparecer"),
    "contingency.running": ("Simulating losses", "Simulando perdas"),
    "contingency.about": (
        "plan {plan}, demand {demand}, {simulated} requests simulated, {seeds}",
        "plano {plan}, demanda {demand}, {simulated} requisições simuladas, {seeds}",
    ),
    "contingency.all_kept": (
        "No promise breaks, whichever vendor goes away: for an hour, a day, or for good.",
        "Nenhuma promessa quebra, qualquer que seja o fornecedor: por uma hora, um dia ou para sempre.",
    ),
    "contingency.worst": (
        "The loss of {vendor} breaks most: {hour} promises after an hour, {day} after a day, {good} if it is for good.",
        "A perda de {vendor} quebra mais: {hour} promessas após uma hora, {day} após um dia, {good} se for para sempre.",
    ),
    "contingency.loss": ("Without {vendor} ({providers})", "Sem {vendor} ({providers})"),
    "contingency.kind.hour": ("an hour", "uma hora"),
    "contingency.kind.day": ("a day", "um dia"),
    "contingency.kind.good": ("for good", "para sempre"),
    "contingency.gone": ("gone for", "ausente por"),
    "contingency.broken": ("promises broken", "promessas quebradas"),
    "contingency.none_broken": ("none", "nenhuma"),
    "contingency.lost": ("answers lost", "respostas perdidas"),
    "contingency.extra": ("spent more", "gasto a mais"),
    "contingency.recovery": ("as usual after its return", "normal após a volta"),
    "contingency.at_once": ("at once", "de imediato"),
    "contingency.not_seen": ("not within 30 min", "não em 30 min"),
    "contingency.promise": ("promise", "promessa"),
    "contingency.usual": ("usual", "normal"),
    "contingency.month": ("its month", "seu mês"),
    "contingency.verdict.kept": ("kept", "cumprida"),
    "contingency.verdict.broken": ("broken", "quebrada"),
    "contingency.verdict.missed_anyway": ("missed anyway", "descumprida de todo modo"),
    "contingency.verdict.no_data": ("no data", "sem dados"),
    "contingency.within": ("{share} within {bound}", "{share} em até {bound}"),
    "contingency.answered": ("{share} answered", "{share} respondidas"),
    "contingency.remedies": ("What to do about {vendor}", "O que fazer quanto a {vendor}"),
    "contingency.remedy": ("remedy", "remédio"),
    "contingency.option.quota": ("raise the quota of {what} to {factor} times", "elevar a cota de {what} a {factor} vezes"),
    "contingency.option.servers": ("{factor} times the servers of {what}", "{factor} vezes os servidores de {what}"),
    "contingency.option.weights": ("give its weight to {what} beforehand", "dar seu peso a {what} de antemão"),
    "contingency.option.vendor": ("add {what} at its list price", "adicionar {what} ao preço de lista"),
    "contingency.still_broken": ("still broken", "ainda quebradas"),
    "contingency.cost_h": ("answers an hour", "respostas por hora"),
    "contingency.standing_h": ("standing an hour", "fixo por hora"),
    "contingency.unknown_cost": ("not known", "não sabido"),
    "contingency.choice": (
        "Cheapest that keeps every promise: {option}, {cost} an hour of answers{standing}.",
        "O mais barato que cumpre toda promessa: {option}, {cost} por hora em respostas{standing}.",
    ),
    "contingency.and_standing": (" and {cost} an hour standing", " e {cost} por hora fixos"),
    "contingency.and_unknown": (", and servers whose cost the plan does not say", ", e servidores cujo custo o plano não diz"),
    "contingency.no_choice": (
        "None of what was tried keeps every promise; {option} comes nearest ({broken} broken).",
        "Nada do que foi tentado cumpre toda promessa; {option} chega mais perto ({broken} quebradas).",
    ),
    "contingency.concentration": ("Concentration", "Concentração"),
    "contingency.index": ("HHI", "HHI"),
    "contingency.like": ("as {count} equal ones", "como {count} iguais"),
    "contingency.spend": ("spend", "gasto"),
    "contingency.points": ("Single points", "Pontos únicos"),
    "contingency.point.region": ("in one region, {what}: {who}", "em uma só região, {what}: {who}"),
    "contingency.point.cloud": ("on one cloud, {what}: {who}", "em uma só nuvem, {what}: {who}"),
    "contingency.point.family": ("of one family of models, {what}: {who}", "de uma só família de modelos, {what}: {who}"),
    "contingency.point.key": ("with one key, {what}: {who}", "com uma só chave, {what}: {who}"),
    "contingency.point.one_vendor": ("model {what} has no second vendor beside {who}", "o modelo {what} não tem fornecedor além de {who}"),
    "contingency.point.smaller_context": (
        "without {who}, the longest requests of model {what} tokens fit nowhere",
        "sem {who}, as maiores requisições do modelo {what} tokens não cabem em lugar algum",
    ),
    "contingency.no_points": ("None is known of.", "Nenhum conhecido."),
    "contingency.method": (
        (
            "Losses begin at the demand's peak, with connections refused. Of an hour and a day, a promise is judged over a month of 30 "
            "days with that one loss in it; for good, over the peak hour without the vendor. Remedies are tried at that hour, with the "
            "same seeds."
        ),
        (
            "As perdas começam no pico da demanda, com conexões recusadas. De uma hora e de um dia, a promessa é julgada no mês de 30 "
            "dias que tem essa perda; para sempre, na hora de pico sem o fornecedor. Remédios são testados nessa hora, com as mesmas "
            "sementes."
        ),
    ),
    "contingency.short_day": (
        "The demand is large: {time} stand for a day, so that this takes minutes and not hours.",
        "A demanda é grande: {time} representam um dia, para que isto leve minutos e não horas.",
    ),
    "contingency.assumed_vendor": (
        "A vendor that is added is assumed to serve as the lost one did, with its quotas.",
        "Supõe-se que um fornecedor adicionado sirva como o perdido servia, com as mesmas cotas.",
    ),
    "vendors.facts": ("facts", "fatos"),
    "vendors.facts_stale": ("{count}, {stale} stale", "{count}, {stale} vencidos"),
    "vendors.candidate": ("(a candidate)", "(candidato)"),
    "vendors.ever": ("all that is recorded", "tudo o que foi registrado"),
    "vendors.claim_open": (
        "{vendor} owes {due} for {month}; claim by {window}: roteiro vendors claim --vendor {vendor} --month {month} --out FOLDER",
        "{vendor} deve {due} por {month}; reclamar até {window}: roteiro vendors claim --vendor {vendor} --month {month} --out PASTA",
    ),
    "vendors.commands": (
        "roteiro vendors score PLAN compares them; sla tells each period; claim writes a claim; contingency PLAN simulates their loss.",
        "roteiro vendors score PLANO os compara; sla conta cada período; claim escreve a reclamação; contingency PLANO simula sua perda.",
    ),
}
