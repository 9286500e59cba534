"""Whether the model declined to answer: marked as such by its provider, or said in so many words at the beginning of the answer.

Phrases are known in English and Portuguese. An answer that begins to help and declines later is not seen, nor one that declines without
any usual phrase; one that says it does not know, or asks back, is no refusal. Measured on tests/quality/texts_of_refusals.yaml.
What must not live here: why it declined, and whether it should have.
"""

import re
from typing import Final

from roteiro.quality.answered import Answered

__all__ = ["declines", "refused"]

LOOKED_AT: Final = 240
"""Characters at the beginning."""

_EN_VERBS: Final = (
    r"help|assist|provide|comply|fulfil+|create|write|generate|support|discuss|share|answer|respond|give|do (?:that|this|so)|engage|"
    r"participate|offer|continue|produce|tell you|advise|recommend|process|complete|carry out|be (?:of|able)|access|browse|open|make|"
    r"diagnose|predict|reveal|disclose|teach|explain how|guide|facilitate|promote|roleplay|role-play|pretend|complete"
)
_EN_CANNOT: Final = (
    r"(?:can ?not|can't|could not|couldn't|won't|will not|am unable to|'m unable to|am not able to|'m not able to|am not allowed to|"
    r"'m not allowed to|am not permitted to|'m not permitted to|'m not going to|am not going to|shouldn't|must not|don't feel able to)"
)
_PT_VERBS: Final = (
    r"ajudar|auxiliar|fornecer|atender|responder|criar|escrever|gerar|produzir|compartilhar|discutir|participar|continuar|cumprir|"
    r"oferecer|dar|ensinar|indicar|recomendar|realizar|executar|apoiar|prestar|informar|explicar como|passar|revelar|divulgar|acessar|"
    r"abrir|prever|diagnosticar|elaborar|redigir|colaborar|contribuir|concluir|prosseguir|processar|opinar|fingir|"
    r"fazer (?:isso|isto|esse|essa|o que|um|uma|parte|previs)"
)
_PT_CANNOT: Final = (
    r"não (?:te |lhe |me |o |a )?(?:posso|consigo|poderei|poderia|vou|irei|devo|tenho como|sou capaz de|estou autorizad[oa] a|"
    r"tenho permissão para|me é possível|é possível para mim|estou apt[oa] a|fui projetad[oa] para|tenho autorização para)"
)

_DECLINES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # English
        rf"\bi ?(?:{_EN_CANNOT})(?: \w+ly)? (?:{_EN_VERBS})\b",
        rf"\b(?:sorry|afraid|unfortunately|apologi[sz]e)\b[^.!?]{{0,40}}\bi ?(?:{_EN_CANNOT})\b",
        r"\bi (?:must|have to|need to|am going to have to|will have to) (?:respectfully )?(?:decline|refuse)\b",
        r"\bi (?:respectfully )?(?:decline|refuse) to\b",
        r"\bi(?:'d| would) (?:rather|prefer) not\b",
        r"\bi(?:'m| am) not comfortable\b|\bi do(?:n't| not) feel comfortable\b",
        r"\b(?:is not|isn't|'s not) (?:something|a request|a topic|content) (?:that )?i(?:'m| am)? ?(?:can|could|able|will|comfortable)\b",
        r"\bi do(?:n't| not) have (?:the ability|access|permission)\b",
        r"\b(?:your|this|that|the) request (?:violates|goes against|was declined|has been declined)\b",
        r"\b(?:it's|it is|it would be) (?:not appropriate|inappropriate|unethical|irresponsible) (?:for me )?to\b",
        r"\bas an ai\b[^.!?]{0,60}\bi (?:can(?:no|')t|can not|am not|do(?:n't| not))\b",
        r"\b(?:i'm|i am) (?:programmed|designed) (?:not to|to avoid)\b",
        r"\bno, i (?:can't|cannot|won't|will not)\b",
        # Portuguese
        rf"\b{_PT_CANNOT} (?:te |lhe |o |a )?(?:{_PT_VERBS})",
        rf"\b(?:desculp\w+|sinto muito|lamento|infelizmente|perdão)\b[^.!?]{{0,40}}\b{_PT_CANNOT}(?! (?:de|deixar|esquecer)\b)",
        rf"\b(?:desculp\w+|sinto muito|lamento)[.!,;]* (?:mas )?(?:eu )?{_PT_CANNOT}\b",
        r"\b(?:preciso|devo|tenho de|tenho que|terei que|sou obrigad[oa] a) (?:recusar|declinar)\b",
        r"\b(?:me recuso|recuso-me|prefiro não|vou ter que recusar)\b",
        r"\bnão (?:me sinto|fico|estou) (?:confortável|à vontade)\b",
        r"\bnão (?:é|seria) (?:apropriado|adequado|ético|correto|responsável) (?:que eu |eu |da minha parte )?",
        r"\bnão tenho (?:acesso|permissão|autorização|a capacidade|capacidade)\b",
        r"\bcomo (?:uma? )?(?:ia|inteligência artificial|modelo de linguagem|assistente)\b[^.!?]{0,60}\bnão\b",
        r"\b(?:esse|este|essa|esta|seu|sua) (?:pedido|solicitação|conteúdo) (?:viola|vai contra|foge|não pode ser atendid)",
        r"\b(?:isso|isto|esse assunto|este assunto) não é algo (?:com )?(?:o |em )?que eu (?:possa|posso|consiga)\b",
        r"\bnão será possível (?:atender|ajudar|responder|fornecer)\b",
    )
)

_HELPS: Final = re.compile(
    r"\b(?:can(?:'t|not| not) wait to|can(?:'t|not) stress|couldn't (?:agree|be)|can't (?:help but|recommend .{1,40} enough)"
    r"|não posso deixar de|não (?:posso|consigo) (?:negar|imaginar)|não poderia (?:estar|ser|concordar)|não vou mentir)\b"
)
"""What reads like declining, and is said by who helps."""


_QUOTED: Final = re.compile(r"“[^”]*”|\"[^\"]*\"|«[^»]*»")


def refused(answered: Answered) -> bool | None:
    """Whether an answer is a refusal. None where there is neither a text nor a call to tell it by."""
    if answered.refusal or answered.finish in ("refusal", "content_filter"):
        return True
    if answered.calls:
        return False
    return declines(answered.text)


def declines(text: str) -> bool | None:
    """Whether a text begins by declining. None for an empty one."""
    said = _QUOTED.sub(" ", text[: 4 * LOOKED_AT].replace("’", "'").replace("*", ""))  # another's words decline nothing
    beginning = " ".join(said.split())[:LOOKED_AT].lower()
    if not beginning:
        return False if text.strip() else None
    if _HELPS.search(beginning):
        return False
    return any(pattern.search(beginning) for pattern in _DECLINES)
