"""Test notices to the channels of a plan."""

from pathlib import Path

import pytest
from tests.gateway.sinks import http_sink
from typer.testing import CliRunner

from roteiro.cli.main import app
from roteiro.tasks.notify import send_tests
from roteiro.terms.error import SettingsError

PLAN = """
roteiro: 1
notify:
  ops: {webhook: {url_env: OPS}}
  pager: {pagerduty: {key_env: KEY, url: "%s"}, lang: pt-BR}
slos: {any: {sli: availability, objective: 99%%, alerts: {page: [ops, pager]}}}
"""


def test_every_channel_is_tried_and_what_came_of_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_sink() as sink:
        plan = tmp_path / "plan.yaml"
        plan.write_text(PLAN % sink.url)
        tested = send_tests(plan, environ={"OPS": f"{sink.url}/ops"})
        assert [(one.channel, one.outcome) for one in tested] == [("ops", "sent"), ("pager", "again")]
        assert tested[1].said == "the environment variable KEY is not set"
        (post,) = sink.posts
        assert post.json["kind"] == "test" and "Nothing is wrong" in post.json["text"]

        monkeypatch.setenv("KEY", "k")
        sink.answers.append((202, {}, b"queued"))
        run = CliRunner().invoke(app, ["notify", "test", str(plan), "pager", "--lang", "pt-BR"])
        assert run.exit_code == 0 and "entregue" in run.stdout and "202 queued" in run.stdout
        assert sink.posts[1].json["payload"]["summary"] == "Teste: o Roteiro chega até você por aqui"
        sink.answers.append((400, {}, b"no"))
        assert CliRunner().invoke(app, ["notify", "test", str(plan), "pager"]).exit_code == 1
        with pytest.raises(SettingsError, match="no channel 'pagr'; "):
            send_tests(plan, "pagr")
