"""A receiver by HTTP: each part is one signed POST (Standard Webhooks)."""

from __future__ import annotations

import contextlib
import ssl

import urllib3

from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable
from edge_agent.contracts.line_messages import Notice, webhook_headers

_THIS_PART = frozenset({400, 409, 413, 415, 422})
"""What a receiver answers where it cannot take this very part; the other 4xx (address, login) hit every part."""

_BODY_MAX = 4096


class Webhook:
    """Posts to one address. Certificates are checked; redirects are not followed, for they would lose the body."""

    def __init__(self, url: str, key: bytes, ca: str | None, timeout_s: float, clock: Clock) -> None:
        """`ca` is PEM text of the authorities to trust. Raises ConfigError where it is none."""
        self._url, self._key, self._clock = url, key, clock
        timeout = urllib3.Timeout(connect=timeout_s, read=timeout_s)
        self._pool = urllib3.PoolManager(1, timeout=timeout, retries=False, ssl_context=_tls(ca))

    def tell(self, notice: Notice) -> None:
        """Post one part. Raises Rejected where this very part is refused, Unavailable for everything else but 2xx."""
        body = notice.encode()
        headers = {
            **webhook_headers(self._key, notice.key, self._clock.wall_ms() // 1000, body),
            "Content-Type": "application/json",
            "User-Agent": "lineside-edge-agent",
        }
        status = self._post(body, headers)
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise Unavailable(f"{self._url}: HTTP {status}, a redirect; put the final address into station.yaml")
        if status in _THIS_PART:
            raise Rejected(f"{self._url}: HTTP {status}")
        raise Unavailable(f"{self._url}: HTTP {status}")

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        """Return the answer's status; what else it says is read as far as the connection can be used again."""
        try:
            answer = self._pool.request(
                "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"{self._url}: no answer ({' '.join(str(error).split())[:200]})") from error
        longer = True
        with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
            longer = len(answer.read(_BODY_MAX + 1, decode_content=False)) > _BODY_MAX
        if longer:
            answer.close()
        answer.release_conn()
        return answer.status


def _tls(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca)
    except ssl.SSLError as error:
        raise ConfigError(f"the webhook's 'ca' is no PEM certificate ({error}); give a file of certificates") from error
