"""The webhook against a real HTTP server: what it sends, what it makes of each answer, and whom it trusts."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.clock import SYSTEM
from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable
from edge_agent.contracts.line_messages import Notice, utc, webhook_secret
from edge_agent.outputs.webhook import Webhook
from tests.conftest import program
from tests.simulators.mes import SECRET, Mes

KEY = webhook_secret(SECRET)


def notice(seq: int = 1) -> Notice:
    empty = {"serial": "ß", "verdict": "accept", "reason": "model", "label": "ok", "score": 0.5, "bundle": "b"}
    return Notice(part=seq, boot="boot", seq=seq, at=utc(0), **empty)


@pytest.fixture
def mes() -> Iterator[Mes]:
    server = Mes().start()
    yield server
    server.stop()


@pytest.fixture
def hook(mes: Mes) -> Iterator[Webhook]:
    webhook = Webhook(mes.url, KEY, None, 0.3, SYSTEM)
    yield webhook
    webhook.close()


def test_a_part_is_one_signed_post_and_the_connection_is_kept(mes: Mes, hook: Webhook) -> None:
    for seq in (1, 2, 2):
        hook.tell(notice(seq))
    assert [post.id for post in mes.posts] == ["boot-1", "boot-2", "boot-2"]
    assert mes.posts[0].raw == notice(1).encode()
    assert mes.posts[1] == mes.posts[2]
    assert (mes.forged, mes.connections) == (0, 1)


@pytest.mark.parametrize("status", [301, 307, 401, 404, 408, 425, 429, 500, 503])
def test_what_may_pass_is_tried_again_and_no_redirect_is_followed(mes: Mes, hook: Webhook, status: int) -> None:
    mes.default = status
    with pytest.raises(Unavailable, match=str(status)):
        hook.tell(notice())
    assert mes.asked == 1


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_some_refusals_are_the_parts_own(mes: Mes, hook: Webhook, status: int) -> None:
    mes.default = status
    with pytest.raises(Rejected, match=str(status)):
        hook.tell(notice())


def test_another_key_is_another_signature(mes: Mes) -> None:
    forger = Webhook(mes.url, bytes(24), None, 1.0, SYSTEM)
    with pytest.raises(Unavailable, match="401"):
        forger.tell(notice())
    forger.close()
    assert mes.forged == 1


def test_silence_and_a_closed_port_are_unavailable_soon(mes: Mes, hook: Webhook) -> None:
    mes.hang = True
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="no answer"):
        hook.tell(notice())
    assert time.monotonic() - begun < 10
    mes.stop()
    with pytest.raises(Unavailable, match="no answer"):
        hook.tell(notice())


def test_only_a_trusted_certificate_is_talked_to(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ["-subj", "/CN=mes", "-addext", "subjectAltName=IP:127.0.0.1"]
    new = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*new, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    mes = Mes(tls=tls).start()
    trusting = Webhook(mes.url, KEY, certificate.read_text(), 10.0, SYSTEM)
    trusting.tell(notice())
    assert len(mes.posts) == 1
    wary = Webhook(mes.url, KEY, None, 10.0, SYSTEM)
    with pytest.raises(Unavailable, match=r"(?i)certificate"):
        wary.tell(notice())
    for hook in (trusting, wary):
        hook.close()
    mes.stop()


def test_a_wrong_authority_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="PEM"):
        Webhook("https://mes", KEY, "no certificate", 1.0, SYSTEM)
