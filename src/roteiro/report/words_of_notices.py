"""What notices about error budgets say, and what the live view says of them, in English and Brazilian Portuguese.

What must not live here: numbers.
"""

from typing import Final

__all__ = ["NOTICE_WORDS"]

NOTICE_WORDS: Final[dict[str, tuple[str, str]]] = {
    "notice.page": ("PAGE", "URGENTE"),
    "notice.ticket": ("TICKET", "CHAMADO"),
    "notice.over": ("RESOLVED", "RESOLVIDO"),
    "notice.title.alert": (
        "{objective}: {lately} of the error budget spent in {window}",
        "{objective}: {lately} do orçamento de erro gastos em {window}",
    ),
    "notice.title.alert_plain": (
        "{objective}: what must never happen has happened",
        "{objective}: aconteceu o que nunca pode acontecer",
    ),
    "notice.title.alert_over": (
        "{objective}: the error budget no longer burns too fast, after {time}",
        "{objective}: o orçamento de erro já não queima rápido demais, após {time}",
    ),
    "notice.title.step": (
        "{objective}: {threshold} of the error budget is spent: {action}",
        "{objective}: {threshold} do orçamento de erro gasto: {action}",
    ),
    "notice.title.step_over": (
        "{objective}: less than {threshold} of the error budget is spent again; it is over: {action}",
        "{objective}: de novo menos de {threshold} do orçamento de erro gasto; terminou: {action}",
    ),
    "notice.title.test": ("Test: Roteiro reaches you here", "Teste: o Roteiro chega até você por aqui"),
    "notice.title.several": ("{count} notices: {first} and others", "{count} avisos: {first} e outros"),
    "notice.do.notify": ("notice given", "aviso dado"),
    "notice.do.degrade": ("models give way to cheaper ones", "modelos dão lugar a outros mais baratos"),
    "notice.do.freeze": ("changed plans are refused", "planos alterados são recusados"),
    "notice.do.shed": ("less important requests are refused", "requisições menos importantes são recusadas"),
    "notice.promise": ("Promise: {promise}", "Promessa: {promise}"),
    "notice.lately": (
        "Within {window}: {lately} of the budget (the bound is {bound}), {burn} times as fast as it lasts",
        "Em {window}: {lately} do orçamento (o limite é {bound}), {burn} vezes o ritmo em que ele dura",
    ),
    "notice.spent": ("Of the whole budget: {spent} spent, {left} left", "De todo o orçamento: {spent} gastos, restam {left}"),
    "notice.overspent": ("The whole budget is spent: {spent} of it", "Todo o orçamento está gasto: {spent} dele"),
    "notice.exhausted": (
        "At this rate nothing is left by {at} ({time} from now)",
        "Nesse ritmo, nada restará em {at} (daqui a {time})",
    ),
    "notice.since": ("Since {at}", "Desde {at}"),
    "notice.changed": ("What changed in the last 24 hours", "O que mudou nas últimas 24 horas"),
    "notice.in_force": ("plan in force: {digest}, version {version}", "plano em vigor: {digest}, versão {version}"),
    "notice.adopted": (
        "{at}: plan {digest} was adopted in place of {before} ({by})",
        "{at}: plano {digest} adotado no lugar de {before} ({by})",
    ),
    "notice.began": ("{at}: the server began with plan {digest} ({by})", "{at}: o servidor começou com o plano {digest} ({by})"),
    "notice.override": ("against the freeze: {reason}", "apesar do congelamento: {reason}"),
    "notice.breaker": ("{at}: breaker of {target}: {what}", "{at}: disjuntor de {target}: {what}"),
    "notice.version": ("{at}: {target} answers as {after} instead of {before}", "{at}: {target} responde como {after} em vez de {before}"),
    "notice.drift": ("{at}: {target} behaves differently: {after}", "{at}: {target} se comporta de outro modo: {after}"),
    "notice.nothing": (
        "no plan was adopted, no breaker opened, no other model was seen",
        "nenhum plano adotado, nenhum disjuntor aberto, nenhum outro modelo visto",
    ),
    "notice.providers": ("Providers in the last minute", "Provedores no último minuto"),
    "notice.provider": (
        "{name}: {failed} of {requests} requests failed, p95 {p95}, breaker {breaker}",
        "{name}: {failed} de {requests} requisições falharam, p95 {p95}, disjuntor {breaker}",
    ),
    "notice.provider_quiet": ("{name}: no request, breaker {breaker}", "{name}: nenhuma requisição, disjuntor {breaker}"),
    "notice.look": ("Look further: {command}", "Ver mais: {command}"),
    "notice.tested": (
        "This was asked for with `roteiro notify test`. Nothing is wrong.",
        "Pedido com `roteiro notify test`. Está tudo bem.",
    ),
    # roteiro notify test
    "notify.title": ("Test notices", "Avisos de teste"),
    "notify.channel": ("channel", "canal"),
    "notify.kind": ("kind", "tipo"),
    "notify.outcome": ("outcome", "resultado"),
    "notify.answer": ("answer", "resposta"),
    "notify.sent": ("delivered", "entregue"),
    "notify.refused": ("refused", "recusado"),
    "notify.failed": ("not delivered", "não entregue"),
    # the live view
    "top.objectives": ("error budgets", "orçamentos de erro"),
    "top.left": ("{left} left", "restam {left}"),
    "top.frozen": ("changed plans are refused: {objectives}", "planos alterados são recusados: {objectives}"),
    "top.notices": ("notices", "avisos"),
    "top.notices_wait": ("{count} to {channel} wait: {why}", "{count} para {channel} em espera: {why}"),
}  # fmt: skip
