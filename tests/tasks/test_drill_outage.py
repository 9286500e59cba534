"""Outages drilled: what is lost and when it is noticed, against the same seeds without them."""

from pathlib import Path

import pytest
from tests.tasks.test_diff import plan

from roteiro.tasks.drill_outage import Disaster, drill_outage, drill_outages_drawn
from roteiro.tasks.prepared import Asked
from roteiro.terms.error import SettingsError


def test_a_hard_outage_is_noticed_and_over(tmp_path: Path) -> None:
    result = drill_outage(plan(tmp_path, "a.yaml", 90), Disaster(providers=("one",), for_s=60.0, at="10min"), seeds=1)
    windows = result.windows
    assert (windows.start_s, windows.end_s) == (600.0, 660.0)
    phases = {one.name: one for one in result.phases}
    assert phases["during"].fallbacks.mean > 0 and phases["without"].fallbacks.mean == 0
    assert phases["during"].requests == phases["without"].requests, "the same requests arrive"
    assert result.detected == 1.0 and 0.0 < result.detect_s.mean < 30.0
    assert phases["before"].attainment.mean > phases["during"].attainment.mean
    assert len(result.course.at_s) == windows.count
    assert result.as_json()["phases"]["during"]["requests"]["mean"] > 0


def test_own_servers_go_down_with_their_region_and_are_back_after_their_start_up(tmp_path: Path) -> None:
    text = (
        plan(tmp_path, "a.yaml", 90).read_text().replace("providers:\n", "regions: {sa: {latency: {us: 110ms}}, us: {}}\nproviders:\n", 1)
    )
    text = text.replace("model: b,", "model: b, region: us,")
    own = "region: sa, servers: {replicas: 2, batch: 16, alpha: 5ms, beta: 1ms, start_up: 30s}"
    (tmp_path / "own.yaml").write_text(text.replace("name: local, model: a,", f"name: local, model: a, {own},"))
    result = drill_outage(tmp_path / "own.yaml", Disaster(regions=("sa",), for_s=60.0, at="10min"), seeds=1)
    phases = {one.name: one for one in result.phases}
    assert result.targets == ("one",) and result.detected == 1.0
    assert phases["during"].fallbacks.mean > 0.0 == phases["without"].fallbacks.mean
    there = dict(zip(result.course.at_s, (one.mean for one in result.course.series["requests:one"]), strict=True))
    assert max(rate for at, rate in there.items() if at < 600.0) > 5.0
    answered = [at for at, rate in there.items() if at >= 660.0 and rate > 1.0]
    assert min(answered) >= 660.0 + 30.0 - result.windows.bucket_s


def test_drawn_outages(tmp_path: Path) -> None:
    result = drill_outages_drawn(
        plan(tmp_path, "a.yaml", 90), Disaster(providers=("one",)), 120.0, 30.0, asked=Asked(duration_s=600.0), seeds=2
    )
    assert result.outages > 0
    assert next(one for one in result.differences if one.figure == "provider_share.one").change is not None


@pytest.mark.parametrize(
    ("disaster", "said"),
    [
        (Disaster(), "name a provider"),
        (Disaster(providers=("onne",)), "did you mean 'one'"),
        (Disaster(regions=("sa",)), "no provider in region"),
        (Disaster(providers=("one",), at="noonish"), "no time of an outage"),
        (Disaster(providers=("one",), for_s=0.0), "longer than nothing"),
        (Disaster(providers=("one",), kind="odd"), "there are hard"),
    ],
)
def test_what_cannot_be_drilled(disaster: Disaster, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        drill_outage(plan(tmp_path, "a.yaml", 90), disaster)
