"""What reports of capacity say, in English and Brazilian Portuguese. What must not live here: numbers."""

from typing import Final

__all__ = ["CAPACITY_WORDS"]

CAPACITY_WORDS: Final[dict[str, tuple[str, str]]] = {
    "capacity.title": ("Capacity", "Capacidade"),
    "capacity.running": ("planning capacity", "planejando a capacidade"),
    "capacity.about": (
        "{plan} · {demand} · scenario {scenario} · {horizon} in steps of {step}",
        "{plan} · {demand} · cenário {scenario} · {horizon} em passos de {step}",
    ),
    "capacity.met": (
        ("The promise can be kept: {cost} over {horizon} (one in twenty futures costs more than {p95}). On {kept} of the sample paths, "
        "{attainment} of what is asked at once finds capacity; {asked} of the paths were asked for."),
        ("A promessa pode ser cumprida: {cost} em {horizon} (um futuro em vinte custa mais que {p95}). Em {kept} dos caminhos amostrados, "
        "{attainment} do que é pedido na hora encontra capacidade; pediam-se {asked} dos caminhos."),
    ),
    "capacity.unmet": (
        ("What is on offer does not keep the promise: {kept} of the sample paths find capacity for {attainment} of what is asked at once; "
        "{asked} were asked for. The nearest that can be bought costs {cost} over {horizon}, what finds no capacity included."),
        ("O que está à venda não cumpre a promessa: {kept} dos caminhos têm capacidade para {attainment} do que é pedido na hora; "
        "pediam-se {asked}. O mais próximo que se pode comprar custa {cost} em {horizon}, contando o que não encontra capacidade."),
    ),
    "capacity.lacking": ("Lacking: {tokens} tokens/min.", "Faltam {tokens} tokens/min."),
    "capacity.unreserved": (
        "Without units or replicas it would cost {cost}, what finds no capacity included, and keep the promise on {kept} of the paths.",
        "Sem unidades nem réplicas custaria {cost}, contando o que não encontra capacidade, e cumpriria a promessa em {kept} dos caminhos.",
    ),
    "capacity.headroom": (
        "Replicas beyond these, for start-up, losses and the fullest minutes, cost {cost} more.",
        "Réplicas além destas, para a partida, as perdas e os minutos mais cheios, custam mais {cost}.",
    ),
    "capacity.simulated": (
        "Simulated at its highest hour ({rate}, {requests} requests): every promise is kept.",
        "Simulado na hora mais cheia ({rate}, {requests} requisições): toda promessa é cumprida.",
    ),
    "capacity.simulated_missed": (
        "Simulated at its highest hour ({rate}, {requests} requests), it misses: {names}.",
        "Simulado na hora mais cheia ({rate}, {requests} requisições), descumpre: {names}.",
    ),
    "capacity.enlarged": (
        "The first reckoning missed a promise there: quotas and replicas are {times} times what queues foretold.",
        "O primeiro cálculo descumpriu uma promessa ali: cotas e réplicas são {times} vezes o que as filas previram.",
    ),
    "capacity.interrupted": ("Stopped early; what was finished is told.", "Interrompido; conta-se o que foi concluído."),
    "capacity.not_simulated": ("Not simulated: reckoned by queues alone.", "Não simulado: calculado só por filas."),
    "capacity.chart": ("Tokens a minute: need against what is bought", "Tokens por minuto: necessidade e o que se compra"),
    "capacity.median": ("{scenario}, median", "{scenario}, mediana"),
    "capacity.high": ("{scenario}, {share} of futures below", "{scenario}, {share} dos futuros abaixo"),
    "capacity.bought": ("bought, quotas included", "comprado, com cotas"),
    "capacity.first": ("What to do first", "O que fazer primeiro"),
    "capacity.do.needed": (
        "{number}. Take {units} of {offer}: without, the promise is kept on {kept} of the paths only.",
        "{number}. Contrate {units} de {offer}: sem isso a promessa só se cumpre em {kept} dos caminhos.",
    ),
    "capacity.do.survive": (
        "{number}. Take {units} of {offer}: without, the loss of one provider could not be borne.",
        "{number}. Contrate {units} de {offer}: sem isso a perda de um provedor não seria suportada.",
    ),
    "capacity.do.saves": (
        "{number}. Take {units} of {offer}: it saves {worth}; the promise does not hang on it.",
        "{number}. Contrate {units} de {offer}: economiza {worth}; a promessa não depende disso.",
    ),
    "capacity.do.quota": (
        "{number}. Ask {provider} for a larger quota: {what}.", "{number}. Peça a {provider} uma cota maior: {what}."
    ),
    "capacity.do.nothing": ("Nothing has to be reserved.", "Nada precisa ser reservado."),
    "capacity.units": ("{count} units", "{count} unidades"),
    "capacity.replicas": ("{count} replicas", "{count} réplicas"),
    "capacity.buy": ("What to buy", "O que comprar"),
    "capacity.buy_in": ("What to buy, for data of {regions}", "O que comprar, para dados de {regions}"),
    "capacity.offer": ("offer", "oferta"),
    "capacity.reserved": ("units or replicas", "unidades ou réplicas"),
    "capacity.cost": ("their cost", "custo delas"),
    "capacity.used": ("in use", "em uso"),
    "capacity.usage": ("pay-as-you-go tokens", "tokens sob demanda"),
    "capacity.usage_cost": ("their cost", "custo deles"),
    "capacity.batch": ("batch tokens", "tokens em lote"),
    "capacity.at_quota": ("hours at quota", "horas na cota"),
    "capacity.why": ("Why", "Por quê"),
    "capacity.why.promise": (
        "The promise costs {cost} beyond the cheapest without it.", "A promessa custa {cost} além do mais barato sem ela."
    ),
    "capacity.why.promise_free": (
        "The promise costs nothing: the cheapest keeps it.", "A promessa não custa nada: o mais barato já a cumpre."
    ),
    "capacity.why.nine": ("One more nine ({attainment}) would cost {cost} more.", "Mais um nove ({attainment}) custaria mais {cost}."),
    "capacity.why.nine_free": (
        "One more nine ({attainment}) would cost nothing that can be told apart.",
        "Mais um nove ({attainment}) não custaria nada que se distinga.",
    ),
    "capacity.why.nine_none": (
        "One more nine ({attainment}) is not on offer at any price.", "Mais um nove ({attainment}) não está à venda por preço nenhum."
    ),
    "capacity.why.quality": ("Tiers' demand of quality costs {cost}.", "A exigência de qualidade dos níveis custa {cost}."),
    "capacity.why.quota": (
        "What binds: {offer} reaches its quota in {share} of the hours; a tenth more would save {worth}.",
        "O que limita: {offer} atinge a cota em {share} das horas; um décimo a mais economizaria {worth}.",
    ),
    "capacity.why.capacity": (
        "What binds: the highest hour takes {share} of all that is bought, quotas included.",
        "O que limita: a hora mais cheia toma {share} de tudo o que se compra, com cotas.",
    ),
    "capacity.why.survive": (
        "What is lost at once in the reckoning: {names}; of each one, alone.",
        "O que se perde de uma vez no cálculo: {names}; cada um, sozinho.",
    ),
    "capacity.why.gap": (
        "No purchase keeps it for less than {share} below this cost.", "Nenhuma compra a cumpre por menos que {share} abaixo deste custo."
    ),
    "capacity.scenarios": (
        "What it takes at the highest period, as the plan routes now", "O que é preciso no período mais cheio, como o plano roteia hoje"
    ),
    "capacity.periods": ("Period by period, as it would route ({scenario})", "Período a período, como rotearia ({scenario})"),
    "capacity.lost_note": (
        "In parentheses: with any one vendor or region lost. Quotas are for {minute} of minutes.",
        "Entre parênteses: com a perda de qualquer fornecedor ou região. As cotas bastam para {minute} dos minutos.",
    ),
    "capacity.scenario": ("scenario", "cenário"),
    "capacity.provider": ("provider", "provedor"),
    "capacity.rate": ("requests/s", "requisições/s"),
    "capacity.requests": ("requests/min", "requisições/min"),
    "capacity.tokens": ("tokens/min", "tokens/min"),
    "capacity.ptu": ("provisioned units", "unidades provisionadas"),
    "capacity.own": ("replicas", "réplicas"),
    "capacity.none_keeps": ("none keeps it", "nenhuma cumpre"),
    "capacity.from": ("from", "desde"),
    "capacity.options": ("Larger or more", "Maior ou mais"),
    "capacity.options_note": (
        ("Own servers at the highest step. `more` adds machines and loses less with one; `variant` and `batch` change the machine. "
        "Quality is as the plan says it was measured."),
        ("Servidores próprios no passo mais cheio. `mais` soma máquinas e perde menos com uma; `variante` e `lote` mudam a máquina. "
        "A qualidade é a que o plano diz ter sido medida."),
    ),
    "capacity.way": ("way", "caminho"),
    "capacity.kind.now": ("as it is", "como está"),
    "capacity.kind.more": ("more (horizontal)", "mais (horizontal)"),
    "capacity.kind.variant": ("variant (vertical)", "variante (vertical)"),
    "capacity.kind.batch": ("batch (vertical)", "lote (vertical)"),
    "capacity.machine": ("machine", "máquina"),
    "capacity.batch_size": ("batch", "lote"),
    "capacity.per_hour": ("cost an hour", "custo por hora"),
    "capacity.p95": ("p95", "p95"),
    "capacity.quality": ("quality", "qualidade"),
    "capacity.lost": ("lost with one", "perda com uma"),
    "capacity.endless": ("grows without end", "cresce sem fim"),
    "capacity.unmeasured": ("not measured", "não medida"),
    "capacity.confirmed": ("Foretold by queues, and simulated", "Previsto por filas, e simulado"),
    "capacity.tier": ("tier", "nível"),
    "capacity.promise": ("promise", "promessa"),
    "capacity.least": ("least", "mínimo"),
    "capacity.foretold": ("foretold", "previsto"),
    "capacity.found": ("simulated", "simulado"),
    "capacity.promise.availability": ("answered", "respondidas"),
    "capacity.promise.latency_p95": ("within {bound}", "em até {bound}"),
    "capacity.promise.ttft_p95": ("first token within {bound}", "primeiro token em até {bound}"),
    "capacity.changes": ("The plan would become", "O plano passaria a ser"),
    "capacity.unchanged": ("The plan has all that it takes.", "O plano já tem tudo o que é preciso."),
    "capacity.key": ("key", "chave"),
    "capacity.before": ("now", "agora"),
    "capacity.after": ("then", "depois"),
    "capacity.overlay_hint": (
        "Keep it with --overlay FILE, and rehearse it: roteiro diff PLAN FILE.",
        "Guarde com --overlay ARQUIVO, e ensaie: roteiro diff PLANO ARQUIVO.",
    ),
    "capacity.overlay_kept": ("Kept in {file}. Rehearse it: {command}", "Guardado em {file}. Ensaie: {command}"),
    "capacity.method": (
        ("Reckoned at the quantile {share} of {paths}: Erlang C with Kimura's interpolation, look-ahead by the start-up time, then a "
        "mixed-integer program over the paths. Tokens are at list prices, without the vendors' cache."),
        ("Calculado no quantil {share} d{paths}: Erlang C com a interpolação de Kimura, olhando adiante pelo tempo de partida, depois um "
        "programa inteiro misto sobre os caminhos. Tokens a preço de lista, sem a cache dos fornecedores."),
    ),
    "capacity.paths": ("the sample paths", "os caminhos amostrados"),
    "capacity.note.was": ("was {before}", "era {before}"),
    "capacity.note.weight": ("by what is bought of whom", "pelo que se compra de quem"),
    "capacity.note.units": ("provisioned units to reserve", "unidades provisionadas a reservar"),
    "capacity.note.quota": ("quota to ask the vendor for", "cota a pedir ao fornecedor"),
    "capacity.note.in_flight": ("requests in flight at the highest step", "requisições em curso no passo mais cheio"),
    "capacity.note.variant": ("the cheapest that is good enough", "a mais barata que é boa o bastante"),
    "capacity.note.replicas": (
        "for the highest step, start-up, and any one lost", "para o passo mais cheio, a partida, e a perda de qualquer um"
    ),
    "capacity.note.floor": ("scaling goes no lower", "a escala não desce abaixo"),
    "capacity.note.ceiling": ("scaling goes no higher", "a escala não sobe acima"),
    "capacity.note.scaling": ("a replica's batch of waiting tokens asks for another", "um lote de tokens à espera pede mais uma réplica"),
    "capacity.note.trace": ("the same file, from here", "o mesmo arquivo, a partir daqui"),
    "capacity.overlay_head": (
        "Capacity of {plan} for {demand}, scenario {scenario}, at {share} of the paths.\nIt includes the plan and says what differs.",
        "Capacidade de {plan} para {demand}, cenário {scenario}, em {share} dos caminhos amostrados.\nInclui o plano e diz o que muda.",
    ),
}  # fmt: skip
