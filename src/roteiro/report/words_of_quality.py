"""What the report on quality says, in English and Brazilian Portuguese. What must not live here: numbers."""

from typing import Final

__all__ = ["QUALITY_WORDS"]

QUALITY_WORDS: Final[dict[str, tuple[str, str]]] = {
    "quality.title": ("Quality of answers", "Qualidade das respostas"),
    "quality.overall": ("All answers", "Todas as respostas"),
    "quality.by_model": ("By model", "Por modelo"),
    "quality.by_target": ("By provider", "Por provedor"),
    "quality.by_workload": ("By workload", "Por carga"),
    "quality.by_tenant": ("By tenant", "Por cliente"),
    "quality.signal": ("signal", "sinal"),
    "quality.value": ("value", "valor"),
    "quality.interval": ("95% interval", "intervalo de 95%"),
    "quality.of": ("of", "de"),
    "quality.meaning": ("what it says", "o que diz"),
    "quality.answers": ("answers", "respostas"),
    "quality.coverage": ("looked at", "examinadas"),
    "quality.unverified": ("unverified", "não verificado"),
    "quality.nobody": ("none", "nenhum"),
    "quality.covered": (
        "{looked} of {answers} answers were looked at ({share}). What was not looked at is unverified, and not good.",
        "{looked} de {answers} respostas foram examinadas ({share}). O que não foi examinado está não verificado, e não bom.",
    ),
    "quality.none": (
        "Nothing was looked at: say `quality: {{observe: 10%}}` in the plan, and `feedback: true` to hear users.",
        "Nada foi examinado: diga `quality: {{observe: 10%}}` no plano, e `feedback: true` para ouvir os usuários.",
    ),
    "quality.method": (
        ("Shares have Wilson's interval, means Student's; both take answers as independent. Rates are of the answers in which the signal "
        "could be told. A judge's verdicts are shown as given, with the judge's own errors in them. Grounding is a proxy: it checks "
        "numbers, dates, names and quotations against the sources of the request, and understands nothing."),
        ("Proporções têm o intervalo de Wilson; médias, o de Student; ambos tomam as respostas como independentes. As taxas são das "
        "respostas em que o sinal pôde ser medido. Os vereditos de um juiz são mostrados como foram dados, com os erros do próprio juiz. "
        "O apoio nas fontes é uma aproximação: confere números, datas, nomes e citações com as fontes da requisição, e nada compreende."),
    ),
    "signal.confidence": ("confidence", "confiança"),
    "signal.refused": ("refused", "recusas"),
    "signal.truncated": ("cut off", "cortadas"),
    "signal.format": ("form as asked", "forma pedida"),
    "signal.language": ("language of the question", "idioma da pergunta"),
    "signal.repetition": ("going in circles", "repetição"),
    "signal.feedback": ("users' feedback", "avaliação dos usuários"),
    "signal.canary": ("canaries right", "canários certos"),
    "signal.agreement": ("canaries' agreement", "concordância dos canários"),
    "signal.judge": ("judged good", "aprovadas pelo juiz"),
    "signal.grounded": ("claims supported", "afirmações apoiadas"),
    "signal.leaks": ("with personal data", "com dados pessoais"),
    "signal.length": ("tokens of canaries", "tokens dos canários"),
    "signal.distance": ("distance of meaning", "distância de sentido"),
    "signal.factual": ("facts that hold", "fatos que se sustentam"),
    "signal.confidence.says": (
        "mean of exp(mean log-probability), by the model itself",
        "média de exp(log-probabilidade média), pelo próprio modelo",
    ),
    "signal.refused.says": ("share of answers in which the model declined", "proporção em que o modelo recusou"),
    "signal.truncated.says": ("share that ended at the most tokens", "proporção que parou no máximo de tokens"),
    "signal.format.says": (
        "share with the JSON, the schema, the arguments asked for",
        "proporção com o JSON, o esquema, os argumentos pedidos",
    ),
    "signal.language.says": ("share in the language of the question", "proporção no idioma da pergunta"),
    "signal.repetition.says": ("share that says the same again and again", "proporção que repete o mesmo até o fim"),
    "signal.feedback.says": ("mean of what users said, 0 to 1", "média do que disseram os usuários, de 0 a 1"),
    "signal.canary.says": ("share of right answers to known questions", "proporção de acertos em perguntas conhecidas"),
    "signal.agreement.says": ("with earlier answers to the same question, 0 to 1", "com respostas anteriores à mesma pergunta, de 0 a 1"),
    "signal.judge.says": ("share of raw verdicts; the judge errs too", "proporção de vereditos brutos; o juiz também erra"),
    "signal.grounded.says": (
        "mean share of checkable claims found in the sources; a proxy",
        "média das afirmações conferíveis achadas nas fontes; aproximação",
    ),
    "signal.leaks.says": (
        "share with personal data that the request has not; {total} in all",
        "proporção com dados pessoais que a requisição não tem; {total} no total",
    ),
    "signal.length.says": ("mean tokens of an answer to a canary", "média de tokens da resposta a um canário"),
    "signal.distance.says": (
        "mean, to earlier answers to the same question",
        "média, em relação a respostas anteriores à mesma pergunta",
    ),
    "signal.factual.says": ("share of factual answers judged to hold", "proporção de respostas factuais julgadas corretas"),
}  # fmt: skip
