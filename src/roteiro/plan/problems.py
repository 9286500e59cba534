"""Every kind of problem that reading a plan can find, with its stable code: the source of the reference page.

E0 the file, E1 the shape, E2 and W2 what cannot work or looks wrong (registered by `check`), W1 and W3 the reader's remarks.
What must not live here: looking for problems.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["KINDS", "Kind", "register"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: what it says in a line, and why it is one."""

    code: str
    title: str
    why: str


KINDS: Final[dict[str, Kind]] = {}


def register(code: str, title: str, why: str) -> Kind:
    """Adds a kind. Codes are never reused."""
    assert code not in KINDS, code
    KINDS[code] = Kind(code, title, why)
    return KINDS[code]


for _row in (
    ("E001", "the file cannot be read", "It is missing, is a folder, or may not be opened."),
    ("E002", "the file is not UTF-8", "Plans are UTF-8 text; the line and column are those of the first byte that is not."),
    ("E003", "the file is not YAML", "The text breaks YAML's grammar at this place; nothing after it could be read."),
    ("E004", "a tab indents the line", "YAML is indented with spaces."),
    ("E005", "the plan is empty", "There is nothing to check or to run."),
    ("E006", "the plan is not a mapping", "A plan is `section: …` at its top."),
    ("E007", "a key is written twice", "YAML would silently keep one of them."),
    ("E008", "the file is too large", "A plan is at most 512 KiB a file; larger is a mistake or an attack."),
    ("E009", "the plan is nested too deep", "No section needs more than 32 levels."),
    ("E010", "aliases make the plan too large", "Aliases of aliases grow exponentially; at most 200,000 values in all."),
    ("E011", "an alias has no anchor", "`*name` stands for a value marked `&name` before it, and not around it."),
    ("E012", "a file cannot be included", "It is missing, includes itself, or is one of too many."),
    ("E013", "the environment is unknown", "`plan.staging.yaml` beside `plan.yaml` makes the environment `staging`."),
    ("E014", "the file holds several documents", "A plan is one document."),
    ("E015", "a key is not text", "Keys of a plan are words."),
    ("E016", "a tag is not accepted", "Plans hold plain values; tags could ask for any object."),
    ("E017", "there are more problems", "The first thousand are told; mend those first."),
    ("E101", "a key is unknown", "A misspelt key would otherwise be ignored in silence."),
    ("E102", "a key is missing", "The section means nothing without it."),
    ("E103", "a value is of the wrong kind", "For example a list where a mapping is wanted."),
    ("E104", "a quantity cannot be read", "Durations, shares, money and rates carry their units."),
    ("E105", "a value is out of bounds", "The message names the bound."),
    ("E106", "a word is not one of those known", "The message names them."),
    ("E107", "a name is malformed", "Names appear in conditions, reports and file names."),
    ("E108", "the plan's language has another version", "This version reads `roteiro: 1`."),
    ("E110", "a condition cannot be read", "The column is that inside the file."),
    ("E112", "a condition names an unknown metric", "The metrics are listed in the plan's reference."),
    ("E113", "a condition compares unlike things", "Latencies compare with durations, rates with shares, costs with money."),
    ("E114", "an action cannot be read", "Actions are route_to_X, circuit_break_X, avoid_X, degrade, and shed batch."),
    ("E115", "hours of the day cannot be read", "A time is written 16:30, hours 22:00-06:00; they may go past midnight."),
    ("E116", "a date cannot be read", "A date is written 2026-03-01, perhaps with a time: 2026-03-01T14:30Z."),
    ("E341", "changed plans are refused", "A step of burn says `freeze`, and so much of the error budget is spent."),
    ("E901", "the running server has no room for the plan", "Its tables were made for twice the plan that it began with."),
    (
        "E902",
        "a request would fall under too many budgets",
        "A request holds at most four of its tenant, team and all, and two of its workload.",
    ),
    ("E903", "the run has had too many versions", "Versions of a plan are numbered within a run, and keys made and revoked count too."),
    ("E911", "the trace cannot be read", "It is missing, is a folder, or may not be opened."),
    ("E912", "the trace lacks a column", "Which columns tell what is in `docs/explanation/demand.md`: Azure, Mooncake, ServeGen, Parquet."),
    ("E914", "the trace has no row that can be read", "Every row was at fault; the warnings say how."),
    ("E921", "the demand does not say what arrives", "A simulation wants arrivals: of the plan, of a trace, or of a recorded run."),
    ("E922", "nothing arrives", "A rate of zero simulates nothing."),
    ("E923", "the scenario is unknown", "Scenarios are those of the plan's demand."),
    ("E931", "the record cannot be read", "It is missing, or neither CSV with a header nor Parquet."),
    ("E932", "the record lacks a column", "A series takes a column of times and one of requests, tokens, cost, or a single number."),
    ("E933", "a series cannot be forecast", "Nothing, or next to nothing, of its past is known."),
    ("E934", "the record has no time that can be read", "Times are ISO 8601, or seconds or milliseconds since 1970 or any start."),
    ("E935", "a scenario has a value that cannot be", "Demand is multiplied by nothing below zero; events have a length."),
    ("E936", "an event has a date, and the record has none", "Its times count from any start; say how long after the forecast begins."),
    ("E951", "nothing can be bought", "No provider has a price, and no own servers keep the promise."),
    ("E952", "a demand has nowhere to go", "No provider of the model that is asked for is where its data may go."),
    ("W931", "rows or values cannot be read", "They are left out, or taken as not known."),
    ("W932", "values are negative", "Nobody asks for less than nothing; they are taken as not known."),
    ("W933", "the record mixes units", "Each value is converted as it is written, or the commonest unit alone is used."),
    ("W934", "the record mixes time zones", "All times are told by one clock."),
    ("W935", "rows repeat others in all", "They count once."),
    ("W936", "a time is told twice, with other numbers", "Counts are added, as parts of one window; of other values the mean is taken."),
    ("W937", "many periods are empty", "So many are idle hours and not gaps; they count as zero."),
    ("W938", "periods hold nothing but zeros", "Few such periods are gaps of the record; they are not known."),
    ("W939", "a level has many names", "The largest stand alone, the rest together."),
    ("W941", "the past is short for this horizon", "Methods cannot be tested that far ahead; bands beyond are extrapolated."),
    ("W942", "the past never changes", "There is nothing to learn from, and no band can be measured."),
    ("W943", "much of the past is missing", "Holes are filled from the days around, and nothing is judged by them."),
    ("W945", "an event is outside of the forecast", "It changes nothing in the time that is forecast."),
    ("W946", "clocks change within the record", "Days are laid out with 24 hours each; the message says what became of the others."),
    ("W953", "no capacity keeps a promise", "Answers alone take longer than what is promised, however few wait."),
    ("W954", "a loss leaves a model without a provider", "When that vendor or region is down, its requests fail."),
    ("W955", "a provider has no price", "What has no price cannot be weighed against what has one."),
    ("W956", "what is on offer does not keep the promise", "Quotas and units together are too small for too many futures."),
    ("W957", "data is bound to several regions", "The purchase is reckoned for each, as if quotas were not shared."),
    ("W958", "a simulation misses what queues foretold", "The plan with the capacity that was found was simulated at its highest hour."),
    ("W959", "more replicas are needed than there may be", "`servers.most` bounds what can be bought and started."),
    ("W947", "a period at either end is not whole", "The record begins or ends within it; what is missing of it would look like a fall."),
    ("W913", "a row of the trace is left out", "It has no time or no lengths that can be read."),
    ("W915", "rows of the trace are out of order", "They are sorted by time."),
    ("W916", "rows of the trace repeat others", "They count; two requests may well be alike, and a file may have been joined twice."),
    ("W917", "some times of the trace have a time zone", "Those without are taken as UTC."),
    ("W918", "one pause takes up most of the trace", "A single wrong time makes such a pause; it is kept."),
    ("W919", "a prefix is longer than its request", "The blocks beyond the input are left out."),
    ("W920", "windows of the record are missing", "They are not idle; what stands in for them is said."),
    ("W922", "a record is simulated in part", "It has more requests than a seed is given where nobody bounds it."),
    ("W921", "some Parquet files have no demand in them", "A folder may hold other tables too; they are left out."),
    ("W101", "the plan does not say its version", "Write `roteiro: 1` first, so that a later version knows how to read it."),
    ("W301", "a section is kept, and not enacted", "This version checks that it is a mapping, and does nothing with it."),
):
    register(*_row)
