"""What reports of rehearsals say, and of a replay that differs, in English and Brazilian Portuguese.

What must not live here: numbers.
"""

from typing import Final

__all__ = ["REHEARSAL_WORDS"]

REHEARSAL_WORDS: Final[dict[str, tuple[str, str]]] = {
    "replay.value": ("value", "valor"),
    "replay.inputs": ("The step that wrote it (seq {seq}) was told:", "O passo que a escreveu (seq {seq}) recebeu:"),
    "replay.flow": ("Its flow, just before:", "Seu fluxo, logo antes:"),
    "rehearsal.title": ("Rehearsal: how well the simulation foretells", "Ensaio: quanto a simulação acerta"),
    "rehearsal.run": ("Run {run}", "Execução {run}"),
    "rehearsal.split": (
        "Fitted to the time before {at}, judged on the {requests} requests after it, over {seeds} seeds.",
        "Ajustado ao tempo antes de {at}, julgado nas {requests} requisições depois, com {seeds} sementes.",
    ),
    "rehearsal.other": (
        "Fitted to run {other}, judged on the {requests} requests of this one, over {seeds} seeds.",
        "Ajustado à execução {other}, julgado nas {requests} requisições desta, com {seeds} sementes.",
    ),
    "rehearsal.same": (
        ("Fitted to and judged on the same {requests} requests, over {seeds} seeds: this flatters the simulation. "
        "Fit to another run (--fit-from) or to a part (--split) for an honest figure."),
        ("Ajustado e julgado nas mesmas {requests} requisições, com {seeds} sementes: isso favorece a simulação. "
        "Ajuste a outra execução (--fit-from) ou a uma parte (--split) para um número honesto."),
    ),
    "rehearsal.kept": (
        "Every goal is met, or missed by no more than chance.", "Todas as metas cumpridas, ou descumpridas não mais que o acaso."
    ),
    "rehearsal.broken": ("Goals missed: {figures}.", "Metas não cumpridas: {figures}."),
    "rehearsal.figures": ("Figures", "Números"),
    "rehearsal.figure": ("figure", "número"),
    "rehearsal.measured": ("measured", "medido"),
    "rehearsal.predicted": ("predicted", "previsto"),
    "rehearsal.seeds": ("95% of seeds", "95% das sementes"),
    "rehearsal.error": ("error", "erro"),
    "rehearsal.goal": ("goal", "meta"),
    "rehearsal.met": ("met", "cumprida"),
    "rehearsal.chance": ("within chance", "dentro do acaso"),
    "rehearsal.missed": ("missed", "não cumprida"),
    "rehearsal.no_goal": ("–", "–"),
    "rehearsal.no_data": ("no data", "sem dados"),
    "rehearsal.periods": ("By period", "Por período"),
    "rehearsal.from": ("from", "desde"),
    "rehearsal.requests": ("requests", "requisições"),
    "rehearsal.quantiles": ("Quantiles of the time to the end", "Quantis do tempo até o fim"),
    "rehearsal.share": ("share", "parcela"),
    "rehearsal.culprits": ("What the difference of the mean is made of", "De que é feita a diferença da média"),
    "rehearsal.target": ("target", "alvo"),
    "rehearsal.part": ("part", "parte"),
    "rehearsal.adds": ("adds", "acrescenta"),
    "rehearsal.cache": ("(cache)", "(cache)"),
    "rehearsal.culprits_note": (
        "Milliseconds for each answer of all; the last column adds up to the difference of the means.",
        "Milissegundos por resposta de todas; a última coluna soma a diferença das médias.",
    ),
    "rehearsal.part.waiting_room": ("waiting for a place", "espera por uma vaga"),
    "rehearsal.part.before": ("earlier attempts and waits between them", "tentativas anteriores e esperas entre elas"),
    "rehearsal.part.first_token": ("to the first token", "até o primeiro token"),
    "rehearsal.part.rest": ("from the first token on", "do primeiro token em diante"),
    "rehearsal.part.attempt": ("whole answers not streamed", "respostas inteiras, sem fluxo"),
    "rehearsal.fit": ("What was fitted", "O que foi ajustado"),
    "rehearsal.parameter": ("parameter", "parâmetro"),
    "rehearsal.value": ("value", "valor"),
    "rehearsal.standard_error": ("standard error", "erro padrão"),
    "rehearsal.running": ("rehearsing", "ensaiando"),
    "rehearsal.unused": ("found, not simulated with", "encontrado, não simulado"),
    "rehearsal.attempts": ("{answers} answers of {attempts} attempts", "{answers} respostas de {attempts} tentativas"),
    "rehearsal.as_planned": ("not in the record: as the plan says", "ausente do registro: como o plano diz"),
    "rehearsal.overall": ("Median error over {runs} runs", "Erro mediano de {runs} execuções"),
    "rehearsal.left_out": ("Run {run} is left out: {why}", "A execução {run} ficou de fora: {why}"),
    "rehearsal.total.mean": ("time to the end, mean", "tempo até o fim, média"),
    "rehearsal.total.p50": ("time to the end, median", "tempo até o fim, mediana"),
    "rehearsal.total.p95": ("time to the end, p95", "tempo até o fim, p95"),
    "rehearsal.total.p99": ("time to the end, p99", "tempo até o fim, p99"),
    "rehearsal.ttft.mean": ("time to the first token, mean", "tempo até o primeiro token, média"),
    "rehearsal.ttft.p50": ("time to the first token, median", "tempo até o primeiro token, mediana"),
    "rehearsal.ttft.p95": ("time to the first token, p95", "tempo até o primeiro token, p95"),
    "rehearsal.ttft.p99": ("time to the first token, p99", "tempo até o primeiro token, p99"),
    "rehearsal.cost": ("cost", "custo"),
    "rehearsal.tokens.input": ("input tokens", "tokens de entrada"),
    "rehearsal.tokens.output": ("output tokens", "tokens de saída"),
    "rehearsal.tier.availability": ("{name}: available", "{name}: disponível"),
    "rehearsal.tier.in_time": ("{name}: answers in the promised time", "{name}: respostas no tempo prometido"),
    "rehearsal.tier.first_in_time": ("{name}: first tokens in the promised time", "{name}: primeiros tokens no tempo prometido"),
    "rehearsal.provider": ("answers from {name}", "respostas de {name}"),
    "rehearsal.outcome": ("outcome: {name}", "desfecho: {name}"),
    "rehearsal.journey.attempts": ("attempts a request", "tentativas por requisição"),
    "rehearsal.journey.fallbacks": ("went to a second target", "foram a um segundo alvo"),
    "rehearsal.journey.retried": ("tried more than once", "tentadas mais de uma vez"),
    "rehearsal.journey.queued": ("waited for a place", "esperaram por uma vaga"),
    "rehearsal.journey.rescues": ("broken streams gone on with", "fluxos quebrados continuados"),
    "rehearsal.journey.hedged": ("hedged", "com tentativa paralela"),
    "rehearsal.journey.cached": ("answered by a cache", "respondidas por um cache"),
}  # fmt: skip
