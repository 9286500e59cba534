"""What the reports on money say, in English and Brazilian Portuguese. What must not live here: numbers."""

from typing import Final

__all__ = ["MONEY_WORDS"]

MONEY_WORDS: Final[dict[str, tuple[str, str]]] = {
    "money.rate": ("{code}: {rate} for one US dollar ({day}).", "{code}: {rate} por dólar dos EUA ({day})."),
    "money.no_day": ("the plan names no day", "o plano não diz de que dia"),
    "money.plan_unknown": (
        "The plan of these requests is not in the data directory: targets are the defaults, and teams are unknown.",
        "O plano destas requisições não está no diretório de dados: as metas são as de costume, e as equipes são desconhecidas.",
    ),
    # unit costs
    "unit.title": ("Unit costs", "Custos unitários"),
    "unit.measure": ("measure", "medida"),
    "unit.per_1k_tokens_nusd": ("cost per 1K tokens", "custo por 1K tokens"),
    "unit.per_user_nusd": ("cost per user, a month", "custo por usuário, ao mês"),
    "unit.per_transaction_nusd": ("cost per transaction", "custo por transação"),
    "unit.token_efficiency": ("token efficiency", "eficiência de tokens"),
    "unit.team": ("team", "equipe"),
    "unit.by_tenant": ("By tenant", "Por cliente"),
    "unit.by_team": ("By team", "Por equipe"),
    "unit.by_workload": ("By workload", "Por carga"),
    "unit.by_model": ("By model", "Por modelo"),
    "unit.useful": (
        ("Cost is all money: answers, and the estimated cost of attempts that were given up. A transaction is an answered request. "
        "Useful tokens are input and output of answers that were delivered whole; of no use are those of requests that failed or were "
        "cancelled, and those lost to hedges, rescues and retries, of which the ledger knows the money alone: about {lost} tokens, at the "
        "mean price of their model."),
        ("O custo é todo o dinheiro: respostas, e o custo estimado das tentativas abandonadas. Uma transação é uma requisição respondida. "
        "Tokens úteis são a entrada e a saída de respostas entregues inteiras; inúteis são os de requisições que falharam ou foram "
        "canceladas e os perdidos em segundas tentativas em paralelo, resgates e novas tentativas, dos quais "
        "o registro só conhece o dinheiro: cerca de {lost} "
        "tokens, ao preço médio do modelo."),
    ),
    "unit.interval": (
        "Intervals of 95% by bootstrap of the ratio of sums, with {stretch} as the unit that is drawn.",
        "Intervalos de 95% por bootstrap da razão das somas, sorteando {stretch} inteiros.",
    ),
    "unit.no_interval": (
        "Without intervals: requests are in fewer than 24 different seconds.",
        "Sem intervalos: as requisições estão em menos de 24 segundos distintos.",
    ),
    "unit.stretch.86400": ("whole days", "dias"),
    "unit.stretch.3600": ("whole hours", "blocos de uma hora"),
    "unit.stretch.60": ("whole minutes", "minutos"),
    "unit.stretch.1": ("whole seconds", "segundos"),
    "unit.users": (
        "Cost per user is unverified: the ledger knows tenants and keys, and a key is not a person.",
        "O custo por usuário não foi verificado: o registro conhece clientes e chaves, e uma chave não é uma pessoa.",
    ),
    # budgets
    "budgets.title": ("Budgets, and when they will be spent", "Orçamentos, e quando se esgotam"),
    "budgets.none": ("The plan has no budgets.", "O plano não tem orçamentos."),
    "budgets.will": (
        "{likely} likely to pass the {amount} of {name}, on {when} (between {low} and {high} in 8 of 10 such cases).",
        "{likely} de chance de {name} passar de {amount}, em {when} (entre {low} e {high} em 8 de 10 desses casos).",
    ),
    "budgets.passed": ("{name} passed its {amount} on {when}.", "{name} passou de {amount} em {when}."),
    "budgets.until": ("period ends", "fim do período"),
    "budgets.probability": ("likely to pass", "chance de passar"),
    "budgets.when": ("when", "quando"),
    "budgets.ends": ("whole period, 10–90%", "período todo, 10–90%"),
    "budgets.from": ("from", "a partir de"),
    "budgets.from.history": ("its past", "seu passado"),
    "budgets.from.forecast": ("a forecast", "uma previsão"),
    "budgets.from.passed": ("the ledger", "o registro"),
    "budgets.from.too_short": ("too short a past", "passado curto demais"),
    "budgets.no_forecast": ("Told from the past's shape alone: {why}", "Dito só pela forma do passado: {why}"),
    "budgets.ahead": (
        ("From a forecast: the method that did best on this budget's own record of at least two weeks, and joint sample paths whose bands "
        "were tested on it (roteiro forecast tells the same of all cost)."),
        ("De uma previsão: o método que se saiu melhor no próprio registro deste orçamento, de ao menos duas semanas, e trajetórias "
        "conjuntas cujas faixas foram testadas nele (roteiro forecast diz o mesmo de todo o custo)."),
    ),
    "budgets.method": (
        ("Paths of the rest of the period: the usual cost of the hour and of the weekday, times blocks of what was left over in the past, "
        "drawn with replacement, times a level as uncertain as the past is short. Nothing is said where the past has fewer than 12 steps, "
        "or where what remains is over 28 times as long. What a budget refused was never spent, and is not foreseen."),
        ("Trajetórias do resto do período: o custo usual da hora e do dia da semana, vezes blocos do que sobrou no passado, sorteados com "
        "reposição, vezes um nível tão incerto quanto o passado é curto. Nada se diz se o passado tem menos de 12 passos, ou se o que "
        "falta é mais de 28 vezes mais longo. O que um orçamento recusou não foi gasto, e não é previsto."),
    ),
    # savings
    "savings.title": ("Savings found", "Economias encontradas"),
    "savings.none": ("The ledger proves none.", "O registro não comprova nenhuma."),
    "savings.what": ("what", "o quê"),
    "savings.could": ("could be saved", "poderia ser economizado"),
    "savings.share": ("of all cost", "do custo total"),
    "savings.proof": ("evidence", "evidência"),
    "savings.smaller_model": ("{subject}: simple tasks to {instead} instead", "{subject}: tarefas simples para {instead}"),
    "savings.off_peak": ("{subject}: batch work in its off-peak hours", "{subject}: trabalho em lote nas horas baratas"),
    "savings.batch": ("{subject}: batch work as batches", "{subject}: trabalho em lote enviado em lotes"),
    "savings.reserved": ("{subject}: reserved units", "{subject}: unidades reservadas"),
    "savings.cache": ("{subject}: beginnings that prompts share, from its cache", "{subject}: começos comuns dos prompts, do seu cache"),
    "savings.prefixes": (
        ("Of the prompts of {source} ({requests} requests) {shared} had been read before, block by block from their beginning: what "
        "is told of caches holds as far as this traffic is like it."),
        ("Dos prompts de {source} ({requests} requisições), {shared} já haviam sido lidos, bloco a bloco desde o começo: o que se diz de "
        "caches vale na medida em que este tráfego se pareça com ele."),
    ),
    "savings.trimming": ("{subject}: its longest prompts, trimmed", "{subject}: seus prompts mais longos, enxugados"),
    "savings.proof.trimming": (
        "prompts beyond {most} tokens (half have {median} at most): {requests}; their answers are no longer than the others'",
        "prompts além de {most} tokens (metade tem até {median}): {requests}; suas respostas não são mais longas que as demais",
    ),
    "savings.hedges": ("attempts given up by hedging", "tentativas abandonadas por segundas tentativas em paralelo"),
    "savings.rescues": ("attempts given up by rescues of streams", "tentativas abandonadas por resgates de fluxos"),
    "savings.retries": ("other attempts given up", "outras tentativas abandonadas"),
    "savings.undelivered": ("answers that nobody got whole: {subject}", "respostas que ninguém recebeu inteiras: {subject}"),
    "savings.proof.smaller_model": (
        "requests told anew at its prices: {requests}; it answered {answers} of {asked} simple tasks",
        "requisições recalculadas aos seus preços: {requests}; respondeu {answers} de {asked} tarefas simples",
    ),
    "savings.proof.off_peak": (
        "requests of batch priority outside the hours: {requests}", "requisições de prioridade de lote fora das horas: {requests}",
    ),
    "savings.proof.cache": (
        "input tokens from its cache: {cached}; by the prefixes of {source}: {could}; requests: {requests}",
        "tokens de entrada do seu cache: {cached}; pelos prefixos de {source}: {could}; requisições: {requests}",
    ),
    "savings.proof.batch": ("requests of batch priority: {requests}", "requisições de prioridade de lote: {requests}"),
    "savings.proof.reserved": (
        "{units} units through {hours} hours, minute by minute; requests: {requests}",
        "{units} unidades ao longo de {hours} horas, minuto a minuto; requisições: {requests}",
    ),
    "savings.proof.other": ("requests: {requests}", "requisições: {requests}"),
    "savings.note": (
        ("These are of the past, at most so much, and not to be added up: one request may be in several. Whether a smaller model answers "
        "as well is unverified; what hedges, rescues and retries cost bought time or answers. A cache's potential is told where "
        "--prefixes names a trace. The ledger keeps no prompts: which words of long ones could go, it cannot tell."),
        ("São do passado, no máximo esse tanto, e não se somam: uma requisição pode estar em várias. Se um modelo menor responde tão bem "
        "não foi verificado; o que segundas tentativas em paralelo, resgates e novas tentativas custaram "
        "comprou tempo ou respostas. O potencial de um cache é dito quando "
        "--prefixes indica um registro de prefixos. O registro não guarda prompts: que palavras dos longos sobram, ele não diz."),
    ),
}  # fmt: skip
