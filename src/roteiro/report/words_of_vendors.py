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
    "vendors.measure.judged": ("good, by the judge", "boas, segundo o juiz"),
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
            "vendor was "
            "asked, each weighing as in all traffic. Attempts count, not only requests: what failed and was answered elsewhere is a "
            "failure."
        ),
        (
            "Comparados em {strata} de {of_strata} tipos de requisição (modelo, carga, fluxo ou não, tamanho da entrada) pedidos a "
            "todos os "
            "fornecedores, cada um com o peso que tem no tráfego. Contam tentativas, não só requisições: o que falhou e foi respondido por "
            "outro é uma falha."
        ),
    ),
    "vendors.unmatched": (
        "No kind of request was asked of every vendor often enough: each is told on its own traffic, and differences may be the traffic's.",
        (
            "Nenhum tipo de requisição foi pedido a todos os fornecedores vezes bastantes: cada um é medido no seu tráfego, e diferenças "
            "podem ser do tráfego."
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
            "Sem dados, sem nota: o que não se sabe fica fora da nota e aparece como cobertura; posições usam só o que se sabe de todos os "
            "classificados ({count} medidas). Os intervalos consideram falhas em rajadas (blocos de {block}). Escalas: "
            "docs/explanation/vendors.md."
        ),
    ),
    "vendors.stale": ("Stale, and without a score: {what}", "Vencido, e sem nota: {what}"),
}
