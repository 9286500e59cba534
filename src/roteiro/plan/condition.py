"""The language of routing conditions: text → a tree of frozen dataclasses in canonical units, and back.

    primary.latency > 2000ms                         p95 of the last minute, because nothing else is said
    p99(primary.ttft, 5m) > 1s and not primary.unavailable
    primary.error_rate > 5% for 5m with at least 20 calls
    hour in 9..18 or all_cloud_unavailable

Canonical units: latencies in ms, shares 0..1, money in nano-dollars, counts as they are. `str` of a condition parses to the same condition.
What must not live here: whether a provider exists (`check`), and evaluation (`policy`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from roteiro.plan.metric import METRICS, STATISTICS
from roteiro.plan.near import did_you_mean
from roteiro.terms import units
from roteiro.terms.units import QuantityError

__all__ = ["And", "Comparison", "Condition", "ConditionError", "Expression", "Metric", "Not", "Or", "State", "parse_condition"]

LONGEST: Final = 1000
FLIPPED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
BREAKER_STATES: Final = ("open", "closed", "half_open")


class ConditionError(Exception):
    """What is wrong in the text of a condition, at `column` (from 0) of it. `code` is the problem's."""

    def __init__(self, code: str, message: str, remedy: str, column: int) -> None:
        super().__init__(message)
        self.code, self.message, self.remedy, self.column = code, message, remedy, column


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured. `subject` is a provider, `fleet`, or `clock` (for the hour); `statistic` is p95, mean …, `rate` or `now`.

    `window_s` is 0 where the metric is a reading of now.
    """

    subject: str
    name: str
    statistic: str
    window_s: float

    def __str__(self) -> str:
        base = self.name if self.subject == "clock" else f"{self.subject}.{self.name}"
        kind = METRICS[self.name]
        if kind.statistical and self.statistic != STATISTICS[0]:
            base = f"{base}_{self.statistic}"
        return base if not kind.windowed or self.window_s == kind.window_s else f"{base} over {units.format_duration(self.window_s)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`metric operator value`, the value in the metric's canonical unit."""

    metric: Metric
    operator: str
    value: float

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {METRICS[self.metric.name].scale.format(self.value)}"


@dataclass(frozen=True, slots=True)
class State:
    """A yes or no. `subject` is a provider, `all` or `cloud` (all off premises); `name` is `unavailable`, or a breaker's state."""

    subject: str
    name: str

    def __str__(self) -> str:
        if self.subject in ("all", "cloud"):
            return "all_unavailable" if self.subject == "all" else "all_cloud_unavailable"
        return f"{self.subject}.unavailable" if self.name == "unavailable" else f"{self.subject}.breaker == {self.name}"


@dataclass(frozen=True, slots=True)
class Not:
    operand: "Expression"

    def __str__(self) -> str:
        return f"not ({self.operand})" if isinstance(self.operand, And | Or) else f"not {self.operand}"


@dataclass(frozen=True, slots=True)
class And:
    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, And | Or) else str(part) for part in self.operands)


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, And | Or) else str(part) for part in self.operands)


Expression = Comparison | State | Not | And | Or


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression that must hold for `for_s` seconds, and is only asked where the subject had `minimum_calls` in its window."""

    expression: Expression
    for_s: float = 0.0
    minimum_calls: int = 0

    def __str__(self) -> str:
        hold = f" for {units.format_duration(self.for_s)}" if self.for_s else ""
        return f"{self.expression}{hold}" + (f" with at least {self.minimum_calls} calls" if self.minimum_calls else "")

    def leaves(self) -> Iterator[Comparison | State]:
        """The comparisons and states, left to right."""
        pending: list[Expression] = [self.expression]
        while pending:
            part = pending.pop()
            if isinstance(part, And | Or):
                pending.extend(reversed(part.operands))
            elif isinstance(part, Not):
                pending.append(part.operand)
            else:
                yield part

    def subjects(self) -> tuple[str, ...]:
        """The providers that it speaks of, in order, each once."""
        named = (leaf.metric.subject if isinstance(leaf, Comparison) else leaf.subject for leaf in self.leaves())
        return tuple(dict.fromkeys(name for name in named if name not in ("fleet", "clock", "all", "cloud")))


GRAMMAR: Final = r"""
    start: any hold? calls?
    hold: "for" QUANTITY
    calls: "with" "at" "least" QUANTITY "calls"?
    ?any: all ("or" all)*
    ?all: unary ("and" unary)*
    ?unary: "not" unary -> negation
          | "(" any ")"
          | metric OPERATOR QUANTITY -> compare
          | QUANTITY OPERATOR metric -> compare_flipped
          | metric OPERATOR NAME -> compare_word
          | metric "in" RANGE -> within
          | metric -> state
    metric: path ("over" QUANTITY)?
          | NAME "(" path ("," QUANTITY)? ")" -> statistic
    path: NAME ("." NAME)*
    OPERATOR: ">=" | "<=" | "==" | "!=" | ">" | "<"
    NAME: /[^\W\d][\w-]*/
    RANGE.2: /\d{1,3}\s*\.\.\s*\d{1,3}/
    QUANTITY: /(?:(?:US\s?)?\$\s*)?\d[^\s()<>=!,]*(?:,\d{3}[^\s()<>=!,]*)*(?:\s+(?:ms|s|min|h|%)(?![\w-]))?/
    %ignore /\s+/
"""


@dataclass(frozen=True, slots=True)
class Path:
    """A metric as written: its dotted words, the statistic and window asked for, and its column."""

    words: tuple[str, ...]
    column: int
    statistic: str | None = None
    window: Token | None = None


def seconds(token: Token) -> float:
    try:
        return float(units.parse_duration(str(token)))
    except QuantityError as error:
        raise ConditionError("E104", error.message, error.remedy, token.start_pos or 0) from None


def unknown_metric(name: str, path: Path, of_fleet: bool) -> ConditionError:
    known = [word for word, kind in METRICS.items() if (kind.of_fleet if of_fleet else kind.of_target)]
    known += [] if of_fleet else ["unavailable", "breaker"]
    column = path.column + len(path.words[0]) + 1
    return ConditionError("E112", f"speaks of the unknown metric {name[:80]!r}", did_you_mean(name, known), column)


def resolve(path: Path) -> Metric:
    """The metric that is meant, its statistic and window filled in."""
    if path.words == ("hour",):
        return Metric("clock", "hour", "now", 0.0)
    if len(path.words) != 2:
        whole = ".".join(path.words)
        remedy = "write a provider and a metric, as in primary.latency; or hour, all_unavailable, all_cloud_unavailable"
        raise ConditionError("E112", f"speaks of {whole[:80]!r}, which is no metric", did_you_mean(whole, FREE_WORDS, remedy), path.column)
    subject, name = path.words
    statistic, of_fleet = path.statistic, subject == "fleet"
    base, _, suffix = name.rpartition("_")
    if suffix in STATISTICS and base in METRICS:
        if statistic is not None:
            raise ConditionError("E110", "names two statistics", f"write {statistic}({subject}.{base})", path.column)
        name, statistic = base, suffix
    kind = METRICS.get(name)
    if kind is None or not (kind.of_fleet if of_fleet else kind.of_target):
        raise unknown_metric(name, path, of_fleet)
    if statistic is not None and not kind.statistical:
        raise ConditionError("E112", f"asks for the {statistic} of {name}, which has none", f"write {subject}.{name}", path.column)
    if path.window is not None and not kind.windowed:
        raise ConditionError("E112", f"gives a window to {name}, a reading of now", f"write {subject}.{name}", path.column)
    window_s = kind.window_s if path.window is None else seconds(path.window)
    if path.window is not None and not 1.0 <= window_s <= 86400.0:
        raise ConditionError("E105", f"has a window of {path.window}", "write 1s to 1d", path.window.start_pos or 0)
    if not kind.windowed:
        return Metric(subject, name, "now", 0.0)
    return Metric(subject, name, statistic or STATISTICS[0] if kind.statistical else "rate", window_s)


FREE_WORDS: Final = ("all_unavailable", "all_cloud_unavailable", "hour")


def compare(path: Path, operator: str, quantity: Token) -> Comparison:
    metric = resolve(path)
    scale, column = METRICS[metric.name].scale, quantity.start_pos or 0
    try:
        value = scale.parse(str(quantity))
    except QuantityError as error:
        message = f"compares {metric.name}, a {scale.name}, with {str(quantity)[:60]!r}"
        raise ConditionError(
            "E113", message, error.remedy if scale.name in error.message else f"write for example {scale.example}", column
        ) from None
    return Comparison(metric, operator, value)


@v_args(inline=True)
class Build(Transformer[Token, Condition]):
    """Builds the tree while the text is read, so that no depth of parentheses recurses."""

    def start(self, expression: Expression, *rest: float | int) -> Condition:
        hold = next((part for part in rest if isinstance(part, float)), 0.0)
        return Condition(expression, hold, next((part for part in rest if isinstance(part, int)), 0))

    def hold(self, token: Token) -> float:
        return seconds(token)

    def calls(self, token: Token) -> int:
        try:
            return units.parse_tokens(str(token))
        except QuantityError as error:
            raise ConditionError("E104", error.message, error.remedy, token.start_pos or 0) from None

    def any(self, *parts: Expression) -> Expression:
        return Or(tuple(parts))

    def all(self, *parts: Expression) -> Expression:
        return And(tuple(parts))

    def negation(self, part: Expression) -> Not:
        return Not(part)

    def path(self, *names: Token) -> Path:
        return Path(tuple(map(str, names)), names[0].start_pos or 0)

    def metric(self, path: Path, window: Token | None = None) -> Path:
        return Path(path.words, path.column, None, window)

    def statistic(self, name: Token, path: Path, window: Token | None = None) -> Path:
        if name not in STATISTICS:
            raise ConditionError(
                "E112", f"asks for the unknown statistic {str(name)[:80]!r}", did_you_mean(name, STATISTICS), name.start_pos or 0
            )
        return Path(path.words, path.column, str(name), window)

    def compare(self, path: Path, operator: Token, quantity: Token) -> Comparison:
        return compare(path, str(operator), quantity)

    def compare_flipped(self, quantity: Token, operator: Token, path: Path) -> Comparison:
        return compare(path, FLIPPED[operator], quantity)

    def compare_word(self, path: Path, operator: Token, word: Token) -> Expression:
        column = word.start_pos or 0
        if len(path.words) != 2 or path.words[1] != "breaker":
            metric = resolve(path)
            example = METRICS[metric.name].scale.example
            raise ConditionError("E113", f"compares {metric.name} with the word {str(word)[:80]!r}", f"write for example {example}", column)
        if word not in BREAKER_STATES:
            raise ConditionError("E113", f"compares a breaker with {str(word)[:80]!r}", did_you_mean(word, BREAKER_STATES), column)
        if operator not in ("==", "!="):
            raise ConditionError("E113", f"compares a breaker by {operator}", "write == or !=", operator.start_pos or 0)
        state = State(path.words[0], str(word))
        return state if operator == "==" else Not(state)

    def within(self, path: Path, span: Token) -> Expression:
        metric = resolve(path)
        low, high = (int(part) for part in span.split(".."))
        if metric.name != "hour" or max(low, high) > 23:
            raise ConditionError(
                "E113", f"asks whether {metric.name} is in {span}", "write hour in 9..18, hours from 0 to 23", span.start_pos or 0
            )
        after, before = Comparison(metric, ">=", float(low)), Comparison(metric, "<=", float(high))
        return And((after, before)) if low <= high else Or((after, before))

    def state(self, path: Path) -> State:
        if path.words in (("all_unavailable",), ("all_cloud_unavailable",)):
            return State("all" if path.words == ("all_unavailable",) else "cloud", "unavailable")
        if len(path.words) == 2 and path.words[1] == "unavailable" and path.words[0] != "fleet":
            return State(path.words[0], "unavailable")
        metric = resolve(path)
        scale = METRICS[metric.name].scale
        raise ConditionError("E110", f"compares {metric} with nothing", f"write for example {metric} > {scale.example}", path.column)


@cache
def parser() -> Callable[[str], Any]:
    return Lark(GRAMMAR, parser="lalr", transformer=Build(), propagate_positions=False).parse


WORDS: Final = {
    "QUANTITY": "a value", "NAME": "a metric or provider", "OPERATOR": "a comparison (> < >= <= == !=)", "RANGE": "hours as 9..18",
    "LPAR": "'('", "RPAR": "')'", "AND": "'and'", "OR": "'or'", "FOR": "'for'", "WITH": "'with'", "OVER": "'over'", "IN": "'in'",
    "NOT": "'not'", "$END": "the end", "COMMA": "','", "DOT": "'.'", "AT": "'at'", "LEAST": "'least'", "CALLS": "'calls'",
}  # fmt: skip


def expected(error: UnexpectedInput) -> str:
    names = getattr(error, "accepts", None) or getattr(error, "expected", None) or getattr(error, "allowed", None) or ()
    words = sorted(WORDS[name] for name in names if name in WORDS and name not in ("DOT", "COMMA"))
    return f"expected {', '.join(words)}" if words else "write for example primary.latency > 2000ms"


def parse_condition(text: str) -> Condition:
    """The condition that the text says. Raises ConditionError with the column of what is wrong."""
    if len(text) > LONGEST:
        raise ConditionError("E110", f"is {len(text)} characters long; at most {LONGEST}", "split it into several rules", LONGEST)
    if not text.strip():
        raise ConditionError("E110", "is empty", "write for example primary.latency > 2000ms", 0)
    try:
        condition = parser()(text)
    except VisitError as error:
        if isinstance(error.orig_exc, ConditionError):
            raise error.orig_exc from None
        raise
    except UnexpectedToken as error:
        end = error.token.type == "$END"
        column = len(text.rstrip()) if end else (error.token.start_pos or 0)
        message = "ends too early" if end else f"has {str(error.token)[:60]!r} where it cannot be"
        raise ConditionError("E110", message, expected(error), column) from None
    except UnexpectedCharacters as error:
        column = error.pos_in_stream or 0
        raise ConditionError("E110", f"has {text[column]!r} where it cannot be", expected(error), column) from None
    assert isinstance(condition, Condition)
    return condition
