"""Files that the settings name: passwords, webhook secrets, certificates of the line's own servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.config import MqttOutputConfig, MqttTriggerConfig, StationConfig, WebhookConfig
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.line_messages import webhook_secret
from edge_agent.home import Home


@dataclass(frozen=True)
class BrokerLogin:
    """Where the line's broker is and how the station proves itself; `ca` is PEM text."""

    url: str
    username: str | None
    password: str | None
    ca: str | None


def broker_login(config: MqttTriggerConfig | MqttOutputConfig, home: Home) -> BrokerLogin:
    """Return the login of an MQTT trigger or output. Raises ConfigError for a file that cannot be used."""
    scheme, _, rest = config.url.partition("://")
    user, at, host = rest.rpartition("@")
    if config.password is not None and not at:
        raise ConfigError(f"'{config.url}' has a password but no user; write {scheme}://USER@{host}")
    password = read_secret(home, config.password) if config.password is not None else None
    return BrokerLogin(f"{scheme}://{host}", user or None, password, read_ca(home, config.ca))


def webhook_key(config: WebhookConfig, home: Home) -> bytes:
    """Return the key with which a webhook is signed. Raises ConfigError for a file that cannot be used."""
    try:
        return webhook_secret(read_secret(home, config.secret))
    except Rejected as error:
        path = home.root / config.secret
        remedy = f"make one: (umask 077; echo whsec_$(openssl rand -base64 32) > {path})"
        raise ConfigError(f"{path}: no webhook secret ({error}); {remedy}") from error


def read_secret(home: Home, file: str) -> str:
    """Return the text of a file that nobody but its owner may read, without the white space around it."""
    path = home.root / file
    text = _read(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: others may read this secret; run 'chmod 600 {path}'")
    if not text.strip():
        raise ConfigError(f"{path}: the file is empty; write the secret into it")
    return text.strip()


def read_ca(home: Home, file: str | None) -> str | None:
    """Return the PEM text of the authorities to trust; None for those of the machine."""
    return None if file is None else _read(home.root / file)


def check_secrets(home: Home, config: StationConfig) -> None:
    """Read all that triggers and outputs need. Raises ConfigError with the remedy."""
    if isinstance(config.trigger, MqttTriggerConfig):
        broker_login(config.trigger, home)
    for receiver in config.receivers:
        if isinstance(receiver, WebhookConfig):
            webhook_key(receiver, home)
            read_ca(home, receiver.ca)
        else:
            broker_login(receiver, home)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); station.yaml names it, put the file there") from error
