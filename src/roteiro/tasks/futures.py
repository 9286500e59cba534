"""Sample paths of a forecast as demands that `roteiro simulate --demand` takes: rates by window, in ServeGen's summed form.

What must not live here: forecasting, and how such a file is read (`simulator.trace_servegen`).
"""

import csv
import io
from pathlib import Path
from typing import Any, Final

import numpy as np

from roteiro.analysis.forecast import Forecast
from roteiro.tasks.forecast import forecast
from roteiro.tasks.series_source import series_from
from roteiro.terms.error import SettingsError

__all__ = ["write_futures"]

COUNTED: Final = ("requests", "input_tokens", "output_tokens")
HEADER: Final = ("t_s", "rate_rps", "rate_with_token_info_rps", "input_tok_s", "output_tok_s")


def write_futures(folder: Path, source: Path | str, count: int, **asked: Any) -> tuple[Path, ...]:
    """Write `count` futures of a record's total, and of each scenario that is asked for, into `folder`; what they were called.

    `asked`: as for `forecast`, without measure and level. Requests and tokens of one future belong together: they take the ranks of the
    same past origin. A record without tokens gives rates alone, whose lengths are the plan's. Raises what `forecast` raises, and
    SettingsError where requests are not counted or the folder cannot be written. Times count from the forecast's beginning.
    """
    told = {measure: forecast(source, measure=measure, paths=count, **asked) for measure in counted(source, asked)}
    first = told[COUNTED[0]]
    named: dict[str, dict[str, Forecast]] = {"future": {measure: one.forecasts[0] for measure, one in told.items()}}
    for at, (scenario, _) in enumerate(first.scenarios):
        named[scenario.name] = {measure: one.scenarios[at][1][0] for measure, one in told.items()}
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, forecasts in named.items():
            for row in range(count):
                path = folder / f"{name}-{row + 1:03d}.csv"
                path.write_text(table(forecasts, row), encoding="utf-8")
                written.append(path)
    except OSError as error:
        raise SettingsError(
            f"the futures cannot be written to {folder}: {error.strerror}; name a folder of yours with --futures"
        ) from error
    return tuple(written)


def counted(source: Path | str, asked: dict[str, Any]) -> tuple[str, ...]:
    there = series_from(source, data=asked.get("data"), step_s=asked.get("step_s")).measures
    if COUNTED[0] not in there:
        raise SettingsError(f"{source} does not count requests (it tells {', '.join(there)}), so no demand can be made of it")
    return COUNTED if set(COUNTED) <= set(there) else COUNTED[:1]


def table(forecasts: dict[str, Forecast], row: int) -> str:
    one = forecasts[COUNTED[0]]
    at_s = one.series.step_s * np.arange(len(one))
    rates = {measure: found.paths[row] / one.series.step_s for measure, found in forecasts.items()}
    columns = [at_s, rates[COUNTED[0]]]
    if len(rates) > 1:
        columns += [rates[COUNTED[0]], *(rates[measure] for measure in COUNTED[1:])]
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(HEADER[: len(columns)])
    lines.writerows([f"{at:.0f}", *(f"{value:.6g}" for value in values)] for at, *values in np.column_stack(columns).tolist())
    return out.getvalue()
