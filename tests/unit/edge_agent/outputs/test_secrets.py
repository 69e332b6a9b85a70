"""Settings of triggers and outputs, and the files they name: every mistake is one line that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import MqttOutputConfig, MqttTriggerConfig, StationConfig, WebhookConfig
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.strict import parse
from edge_agent.home import Home
from edge_agent.outputs.secret import BrokerLogin, broker_login, check_secrets, webhook_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK = {"kind": "webhook", "url": "https://mes.example/parts", "secret": "hook.key"}
MQTT = {"kind": "mqtt", "url": "mqtt://plant@broker:1884", "topic": "line/verdict", "password": "broker.key"}


def config(**settings: Any) -> StationConfig:
    return parse(StationConfig, settings, "station.yaml")


def test_every_kind_has_its_own_keys() -> None:
    station = config(trigger={**MQTT, "topic": "line/+/trigger"}, outputs=[{"kind": "gate"}, {}, WEBHOOK, MQTT])
    assert isinstance(station.trigger, MqttTriggerConfig)
    assert [type(output) for output in station.receivers] == [WebhookConfig, MqttOutputConfig]
    assert station.speaks_with_the_line
    assert not config(trigger={"depth": 3}, outputs=[{"kind": "gate"}]).speaks_with_the_line


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"outputs": [{**WEBHOOK, "secrt": "x"}]}, "did you mean 'secret'"),
        ({"outputs": [{"kind": "webhook", "url": "http://a"}]}, "secret' is missing"),
        ({"outputs": [{"kind": "gate", "topic": "x"}]}, "unknown key"),
        ({"outputs": [{"kind": "post"}]}, "'none', 'gate', 'webhook', 'mqtt'"),
        ({"outputs": [WEBHOOK, WEBHOOK]}, "give each a `name`"),
        ({"outputs": [{**WEBHOOK, "url": "ftp://x"}]}, "pattern"),
        ({"outputs": [{**MQTT, "url": "mqtt://a:b@host"}]}, "pattern"),
        ({"outputs": [{**MQTT, "topic": "line/#"}]}, "pattern"),
        ({"outputs": [{**MQTT, "qos": 0}]}, "should be 1"),
        ({"trigger": {"kind": "mqtt", "url": "mqtt://host"}}, "topic' is missing"),
        ({"trigger": {"kind": "button"}}, "'continuous', 'interval', 'http', 'plc', 'mqtt'"),
        ({"trigger": {"kind": "http", "topic": "x"}}, "unknown key"),
    ],
)
def test_a_wrong_key_is_one_clear_line(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(**settings)
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.fixture
def home(tmp_path: Path) -> Home:
    for name, text in (("hook.key", SECRET + "\n"), ("broker.key", "pass word\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return Home(tmp_path)


def test_the_files_are_read_from_the_stations_folder(home: Home) -> None:
    station = config(trigger=MQTT, outputs=[WEBHOOK])
    check_secrets(home, station)
    assert isinstance(station.trigger, MqttTriggerConfig)
    assert broker_login(station.trigger, home) == BrokerLogin("mqtt://broker:1884", "plant", "pass word", None)
    assert len(webhook_key(WebhookConfig(**WEBHOOK), home)) == 24


def test_what_is_wrong_with_a_file_is_said_with_the_remedy(home: Home) -> None:
    station = config(outputs=[WEBHOOK])
    path = home.root / "hook.key"
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        check_secrets(home, station)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(ConfigError, match="openssl rand"):
        check_secrets(home, station)
    path.write_text(" \n")
    with pytest.raises(ConfigError, match="empty"):
        check_secrets(home, station)
    path.unlink()
    with pytest.raises(ConfigError, match="put the file there"):
        check_secrets(home, station)


def test_a_password_without_a_user_is_refused(home: Home) -> None:
    with pytest.raises(ConfigError, match="USER@broker"):
        check_secrets(home, config(trigger={**MQTT, "url": "mqtt://broker"}))
