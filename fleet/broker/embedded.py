"""The embedded broker: amqtt in a process of its own, for trying out and for small fleets.

`python -m fleet.broker.embedded --host H --port P --passwords FILE` prints one JSON line when it listens and ends when
its standard input does, so that it never outlives the server that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

from amqtt.broker import Broker
from amqtt.errors import AMQTTError

_PLUGINS = "fleet.broker.plugin"


def _config(host: str, port: int, passwords: str) -> dict[str, object]:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
        "timeout_disconnect_delay": 0,
        "plugins": {f"{_PLUGINS}.Passwords": {"path": passwords}, f"{_PLUGINS}.Subtrees": {}},
    }


class _Steady(dict[str, Any]):
    """Subscriptions that can change while a message is on its way to them.

    amqtt waits within its loops over them; a device that subscribes meanwhile would end such a loop, and with it a
    message that was to go out, or another device's connecting.
    """

    def __iter__(self) -> Iterator[str]:
        """Go through the filters of this moment."""
        return iter(list(super().keys()))

    def items(self) -> Any:
        """Return those of this moment."""
        return list(super().items())


async def serve(host: str, port: int, passwords: str) -> None:
    """Run until standard input ends."""
    broker = Broker(_config(host, port, passwords))
    broker._subscriptions = _Steady()
    await broker.start()
    sys.stdout.write(json.dumps({"ready": True, "port": port}) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    await ended.wait()
    await broker.shutdown()


def main() -> int:
    """Run the broker; 1 where it cannot listen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--passwords", required=True)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    try:
        asyncio.run(serve(chosen.host, chosen.port, chosen.passwords))
    except (AMQTTError, OSError) as error:
        sys.stdout.write(json.dumps({"ready": False, "reason": str(error)}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
