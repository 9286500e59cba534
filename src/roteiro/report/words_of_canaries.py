"""What reports of canaries, drift and the judge say, in English and Brazilian Portuguese.

What must not live here: numbers.
"""

from typing import Final

__all__ = ["CANARY_WORDS"]

CANARY_WORDS: Final[dict[str, tuple[str, str]]] = {
    "canary.title": ("Questions with known answers", "Perguntas de resposta conhecida"),
    "canary.target": ("target", "alvo"),
    "canary.version": ("says it is", "diz ser"),
    "canary.era": ("{version} (no. {era} under this name)", "{version} (nº {era} sob este nome)"),
    "canary.right": ("right", "certas"),
    "canary.interval": ("95% interval", "intervalo de 95%"),
    "canary.kinds": ("by kind of question", "por tipo de pergunta"),
    "canary.kind": ("kind", "tipo"),
    "canary.refused": ("refused", "recusadas"),
    "canary.formed": ("in form", "na forma"),
    "canary.confidence": ("confidence", "confiança"),
    "canary.agreement": ("agreement", "concordância"),
    "canary.latency": ("latency", "latência"),
    "canary.failed": ("no answer", "sem resposta"),
    "canary.factual": ("facts", "fatos"),
    "canary.format": ("format", "formato"),
    "canary.instruction": ("instructions", "instruções"),
    "canary.arithmetic": ("arithmetic", "aritmética"),
    "canary.safe": ("harmless", "inofensivas"),
    "canary.wrong": ("Wrong answers, the last ones", "Respostas erradas, as últimas"),
    "canary.question": ("question", "pergunta"),
    "canary.answer": ("answer", "resposta"),
    "canary.none": ("No question was asked yet.", "Nenhuma pergunta foi feita ainda."),
    "canary.budget": (
        "The last round was broken off: the canaries' budget is spent until its next period.",
        "A última rodada foi interrompida: o orçamento das perguntas acabou até o próximo período.",
    ),
    "canary.method": (
        (
            "Graded by rules alone. Confidence is the exponential of the mean log-probability, where the provider tells it. "
            "Agreement is the share of the first answers to the same question that a later answer equals. Intervals are Wilson's, "
            "and take questions as drawn at random."
        ),
        (
            "Corrigidas só por regras. Confiança é a exponencial da média das log-probabilidades, quando o provedor as informa. "
            "Concordância é a parcela das primeiras respostas à mesma pergunta a que uma resposta posterior é igual. Os intervalos "
            "são de Wilson e supõem perguntas sorteadas."
        ),
    ),
    "canary.asking": ("asking on a server of its own, which is thrown away …", "perguntando em um servidor próprio, que é descartado …"),
    "drift.title": ("The models behind the names", "Os modelos por trás dos nomes"),
    "drift.versions": ("Versions", "Versões"),
    "drift.changes": ("What has changed", "O que mudou"),
    "drift.none": ("No change was noticed.", "Nenhuma mudança foi notada."),
    "drift.seen": ("seen", "visto"),
    "drift.answers": ("answers", "respostas"),
    "drift.state": ("state", "estado"),
    "drift.quiet": ("as it was", "como era"),
    "drift.young": ("too few answers yet", "poucas respostas ainda"),
    "drift.changed": ("changed", "mudou"),
    "drift.odds": ("strongest sign of change", "sinal mais forte de mudança"),
    "drift.odds_of": ("{feature}: odds {odds} to 1 (alarm at {threshold})", "{feature}: chances de {odds} para 1 (alarme em {threshold})"),
    "drift.no_sign": ("none", "nenhum"),
    "drift.noticed": ("noticed", "notado"),
    "drift.since": ("probably since", "provavelmente desde"),
    "drift.what": ("what", "o quê"),
    "drift.says_other": ("says that it is {after}; it was {before}", "diz ser {after}; era {before}"),
    "drift.behaves": (
        "answers otherwise under the same name ({after}): {feature} {way}",
        "responde de outro jeito sob o mesmo nome ({after}): {feature} {way}",
    ),
    "drift.up": ("is larger", "é maior"),
    "drift.down": ("is smaller", "é menor"),
    "drift.sure": ("how sure", "quão certo"),
    "drift.certain": ("by its own word", "por sua própria palavra"),
    "drift.to_one": ("{odds} to 1, after {answers} answers", "{odds} para 1, após {answers} respostas"),
    "drift.example": ("For example", "Por exemplo"),
    "drift.before": ("before", "antes"),
    "drift.after": ("since", "desde então"),
    "drift.length": ("length of answers", "tamanho das respostas"),
    "drift.refused": ("share of refusals", "parcela de recusas"),
    "drift.format": ("share in the form asked for", "parcela na forma pedida"),
    "drift.correct": ("share of right answers", "parcela de respostas certas"),
    "drift.agreement": ("agreement with the first answers", "concordância com as primeiras respostas"),
    "drift.distance": ("distance to the first answers", "distância das primeiras respostas"),
    "drift.confidence": ("confidence", "confiança"),
    "drift.method": (
        (
            "A model that stays the same ever raises a false alarm with probability of at most {rate}, for each version and however "
            "long one looks (conformal test martingales). Distances of texts: {measures}."
        ),
        (
            "Um modelo que continua o mesmo dá algum dia um alarme falso com probabilidade de no máximo {rate}, para cada versão e "
            "por mais que se olhe (martingais de teste conformes). Distâncias entre textos: {measures}."
        ),
    ),
    "drift.trigrams": ("runs of three characters", "sequências de três caracteres"),
    "drift.e5": ("a model of meaning", "um modelo de significado"),
    "judge.title": ("How often the judge errs", "Quanto o juiz erra"),
    "judge.kind": ("verdict", "veredito"),
    "judge.judge": ("good or bad", "boa ou ruim"),
    "judge.factual": ("facts right or wrong", "fatos certos ou errados"),
    "judge.sensitivity": ("bad ones found", "ruins encontradas"),
    "judge.specificity": ("good ones spared", "boas poupadas"),
    "judge.silent": ("no verdict", "sem veredito"),
    "judge.example": ("10% of 1,000 called bad stands for", "10% de 1.000 ditas ruins significam"),
    "judge.rates": ("What the judge says", "O que o juiz diz"),
    "judge.none": ("The judge has said nothing yet.", "O juiz ainda não disse nada."),
    "judge.who": ("judge", "juiz"),
    "judge.said": ("called bad", "ditas ruins"),
    "judge.corrected": ("corrected for its errors", "corrigido por seus erros"),
    "judge.unmeasured": ("this judge was not measured", "este juiz não foi medido"),
    "judge.nothing": ("the judge tells nothing", "o juiz não diz nada"),
    "judge.method": (
        (
            "Measured on labelled items. A rate that the judge counts is corrected for its errors (Rogan–Gladen); the interval "
            "carries the errors of all three measurements (Lang and Reiczigel)."
        ),
        (
            "Medido em itens rotulados. Uma taxa que o juiz conta é corrigida por seus erros (Rogan–Gladen); o intervalo leva os "
            "erros das três medições (Lang e Reiczigel)."
        ),
    ),
}
