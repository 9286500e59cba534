"""Settings: arguments, else the environment, else defaults; and what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from roteiro.tasks.settings import Settings
from roteiro.terms.error import SettingsError


def test_arguments_win_over_the_environment_and_that_over_defaults() -> None:
    environ = {
        "ROTEIRO_PORT": "9000",
        "ROTEIRO_WORKERS": "3",
        "ROTEIRO_DRAIN": "1500ms",
        "ROTEIRO_BASE_URLS": "a=http://x/v1, b=http://y/v1?z=1",
        "ROTEIRO_HOST": "",
    }
    settings = Settings.read(environ, workers=2, host=None, directory=Path("d"))
    assert (settings.port, settings.workers, settings.drain_s, settings.host) == (9000, 2, 1.5, "127.0.0.1")
    assert settings.base_urls == {"a": "http://x/v1", "b": "http://y/v1?z=1"}
    assert settings.admin_port_wanted == 9001 and settings.directory == Path("d")
    assert Settings.read({}, port=0).admin_port_wanted == 0
    assert Settings.read({}, port=0, admin_port=5).admin_port_wanted == 5


@pytest.mark.parametrize(
    ("environ", "arguments", "message"),
    [
        ({"ROTEIRO_PORT": "http"}, {}, "ROTEIRO_PORT is 'http', not a whole number"),
        ({}, {"port": 70000}, "port is 70000; from 0 to 65535"),
        ({}, {"port": 65535}, "admin_port is 65536"),
        ({}, {"workers": 0}, "workers is 0; from 1 to 256"),
        ({"ROTEIRO_DRAIN": "soon"}, {}, "ROTEIRO_DRAIN is 'soon', not a duration"),
        ({"ROTEIRO_BASE_URLS": "primary"}, {}, "has 'primary'; write PROVIDER=URL"),
        ({}, {"port": 8080, "admin_port": 8080}, "the same port 8080"),
        ({}, {"tls_key": Path("k.pem")}, "both a certificate and its key"),
        ({}, {"tls_key": Path("/nowhere/k.pem"), "tls_certificate": Path("/nowhere/c.pem")}, "/nowhere/c.pem cannot be read"),
        ({"ROTEIRO_REUSE_PORT": "perhaps"}, {}, "ROTEIRO_REUSE_PORT is 'perhaps'; write 1 or 0"),
        ({"ROTEIRO_TRACE_RATIO": "half"}, {}, "'half', not a number from 0 to 1"),
        ({"ROTEIRO_TRACE_RATIO": "1.5"}, {}, "trace_ratio is 1.5; from 0 to 1"),
        ({}, {"log_format": "xml"}, "the log's format is 'xml'; it may be text or json"),
        ({"ROTEIRO_ADMIN_TOKEN": "short"}, {}, "has 5 characters; at least 16"),
    ],
)
def test_what_is_wrong_is_named(environ: dict[str, str], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.read(environ, **arguments)


def test_switches_and_shares() -> None:
    settings = Settings.read(
        {"ROTEIRO_REUSE_PORT": "0", "ROTEIRO_ACCESS_LOG": "true", "ROTEIRO_TRACE_RATIO": "0.25", "ROTEIRO_LOG_FORMAT": "json"}
    )
    assert (settings.reuse_port, settings.access_log, settings.trace_ratio, settings.log_format) == (False, True, 0.25, "json")
    defaults = Settings.read({})
    assert (defaults.reuse_port, defaults.access_log, defaults.trace_ratio, defaults.log_format) == (True, False, 1.0, "text")


def test_a_setting_that_is_none_is_our_mistake() -> None:
    with pytest.raises(TypeError, match="no such settings: prot"):
        Settings.read({}, prot=1)
