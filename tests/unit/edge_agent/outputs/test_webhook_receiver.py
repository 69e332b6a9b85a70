"""The receiver of docs/formats/outputs.md, taken from the page and run against the real webhook."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3

from edge_agent.clock import SYSTEM
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.line_messages import Notice, utc, webhook_headers, webhook_secret
from edge_agent.outputs.webhook import Webhook
from tests.simulators.clock import HandClock
from tests.simulators.mes import SECRET

PAGE = Path(__file__).resolve().parents[4] / "docs" / "formats" / "outputs.md"
KEY = webhook_secret(SECRET)
TOO_OLD_S = 301


def notice(seq: int) -> Notice:
    said = {"serial": "4711", "verdict": "accept", "reason": "model", "label": "ok", "score": 0.5, "bundle": "b"}
    return Notice(part=seq, boot="boot", seq=seq, at=utc(0), **said)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's program defines."""
    (tmp_path / "webhook.key").write_text(f"{SECRET}\n")
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    defined: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(program, str(PAGE), "exec"), defined)
    return defined


@contextmanager
def served(page: dict[str, Any]) -> Iterator[str]:
    """Serve it on a free port; returns the address."""
    with HTTPServer(("127.0.0.1", 0), page["Receiver"]) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/parts"
        finally:
            server.shutdown()
            thread.join()


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    return urllib3.PoolManager().request("POST", url, body=body, headers=headers, retries=False).status


def test_it_takes_parts_once_and_nothing_that_was_changed_or_kept(page: dict[str, Any]) -> None:
    now, body = SYSTEM.wall_ms() // 1000, notice(2).encode()
    genuine = webhook_headers(KEY, notice(2).key, now, body)
    with served(page) as url:
        hook = Webhook(url, KEY, None, 5.0, SYSTEM)
        for seq in (1, 1):
            hook.tell(notice(seq))
        hook.close()
        assert post(url, body.replace(b"accept", b"reject"), genuine) == 401
        assert post(url, body, genuine | {"webhook-id": "boot-3"}) == 401
        assert post(url, body, genuine | {"webhook-timestamp": str(now + 1)}) == 401
        assert post(url, body, genuine | {"webhook-signature": "v1,"}) == 401
        assert post(url, body, webhook_headers(b"x" * 32, notice(2).key, now, body)) == 401
        assert post(url, body, webhook_headers(KEY, notice(2).key, now - TOO_OLD_S, body)) == 401
        assert list(page["known"]) == [("boot", 1)]
        assert post(url, body, genuine) == 204
        assert post(url, body, genuine) == 204
    assert list(page["known"]) == [("boot", 1), ("boot", 2)]


def test_a_station_whose_clock_is_wrong_is_refused_and_tries_again(page: dict[str, Any]) -> None:
    hand = HandClock()
    hand.jump(-TOO_OLD_S)
    with served(page) as url:
        hook = Webhook(url, KEY, None, 5.0, hand.clock)
        with pytest.raises(Unavailable, match="401"):
            hook.tell(notice(1))
        hand.jump(TOO_OLD_S)
        hook.tell(notice(1))
        hook.close()
    assert list(page["known"]) == [("boot", 1)]
