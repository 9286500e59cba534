"""Calendars by name."""

from datetime import date

import pytest

from roteiro.tasks.holidays_of import holidays_of
from roteiro.terms.error import SettingsError

pytest.importorskip("holidays")


def test_brazil_its_states_and_several() -> None:
    year = date(2026, 1, 1), date(2026, 12, 31)
    country, state = holidays_of(["BR"], *year, "pt_BR"), holidays_of(["br-sp"], *year, "pt_BR")
    assert country[date(2026, 4, 21)] == "Tiradentes" and set(state) - set(country) == {date(2026, 7, 9)}
    assert date(2026, 2, 17) not in country and "Carnaval" in holidays_of(["BR:optional"], *year, "pt_BR")[date(2026, 2, 17)]
    both = holidays_of(["BR", "US"], *year)
    assert list(both) == sorted(both) and date(2026, 7, 3) in both and len(both) > len(country)
    assert holidays_of(["BR"], date(2026, 4, 20), date(2026, 4, 22)).keys() == {date(2026, 4, 21)}


@pytest.mark.parametrize(("name", "said"), [("XX", "no calendar 'XX'"), ("BR-ZZ", "SP"), ("BR:all", "BR:optional"), ("", "no calendar")])
def test_a_calendar_that_is_not_there_is_told(name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        holidays_of([name], date(2026, 1, 1), date(2026, 2, 1))
