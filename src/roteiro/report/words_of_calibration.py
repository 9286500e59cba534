"""What the report of a calibration says, in English and Brazilian Portuguese.

What must not live here: numbers.
"""

from typing import Final

__all__ = ["CALIBRATION_WORDS"]

CALIBRATION_WORDS: Final[dict[str, tuple[str, str]]] = {
    "calibration.running": ("loading the server", "carregando o servidor"),
    "calibration.title": ("Calibration of {provider}", "Calibração de {provider}"),
    "calibration.load": (
        ("{answers} answers to {requests} requests in {seconds}; {between} groups told the time between tokens, {first} requests alone "
        "the time to the first."),
        ("{answers} respostas a {requests} requisições em {seconds}; {between} grupos disseram o tempo entre tokens, {first} requisições "
        "sozinhas o tempo até o primeiro."),
    ),
    "calibration.left_out": ("Left out, {count}×: {reason}", "Deixado de fora, {count}×: {reason}"),
    "calibration.parameters": ("What an iteration takes", "Quanto leva uma iteração"),
    "calibration.parameter": ("parameter", "parâmetro"),
    "calibration.value": ("value", "valor"),
    "calibration.interval": ("95% interval", "intervalo de 95%"),
    "calibration.meaning": ("what it is", "o que é"),
    "calibration.bound": ("at its bound", "no limite"),
    "calibration.alpha": ("each iteration, whatever it does", "cada iteração, faça o que fizer"),
    "calibration.beta": ("each answer in the batch", "cada resposta no lote"),
    "calibration.prefill": ("each prompt token read", "cada token do prompt lido"),
    "calibration.gamma": ("each token in memory", "cada token na memória"),
    "calibration.network": ("once a request, beside iterations", "uma vez por requisição, fora das iterações"),
    "calibration.errors": ("How well it fits", "Quão bem se ajusta"),
    "calibration.scattered": (
        "The points scatter by more than 10%: calibrate again while nothing else runs on the machine.",
        "Os pontos variam mais de 10%: calibre de novo com a máquina sem outro trabalho.",
    ),
    "calibration.points": ("points", "pontos"),
    "calibration.median": ("median error", "erro mediano"),
    "calibration.p95": ("p95 of errors", "p95 dos erros"),
    "calibration.fitted": ("fitted", "ajustados"),
    "calibration.held_out": ("held out: foretold by a fit to the others", "separados: previstos por um ajuste aos outros"),
    "calibration.several": (
        "first tokens of several at once: foretold, not fitted",
        "primeiros tokens de várias juntas: previstos, não ajustados",
    ),
    "calibration.measured": ("What was measured (medians)", "O que foi medido (medianas)"),
    "calibration.input": ("input tokens", "tokens de entrada"),
    "calibration.at_once": ("at once", "ao mesmo tempo"),
    "calibration.groups": ("groups", "grupos"),
    "calibration.ttft": ("to the first token", "até o primeiro token"),
    "calibration.itl": ("between tokens", "entre tokens"),
    "calibration.batch": (
        "It works at {batch} answers together: the first token of a further one waits for an answer's end.",
        "Trabalha em {batch} respostas juntas: o primeiro token de mais uma espera o fim de uma resposta.",
    ),
    "calibration.no_batch": (
        ("No limit of answers together was met with {tried} at once; the line below has batch: {tried}. Ask for more with --at-once, "
        "or write what the server is set to."),
        ("Nenhum limite de respostas juntas foi encontrado com {tried} ao mesmo tempo; a linha abaixo tem batch: {tried}. Peça mais com "
        "--at-once, ou escreva o valor configurado no servidor."),
    ),
    "calibration.yaml": ("For the plan, under the provider", "Para o plano, no provedor"),
}  # fmt: skip
