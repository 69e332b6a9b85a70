"""Who trains together: the workers' addresses and which of them this process is, as TF_CONFIG says it."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass

from edge_agent.contracts.errors import ConfigError

VARIABLE = "TF_CONFIG"
LOST = "another worker was lost"
"""What a worker says when it is left alone; why is known where the other one ran."""
_EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """`workers` are host:port, in the same order for all; `index` is this process's place. The first one is chief."""

    workers: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """Whether this process writes checkpoints and the model."""
        return self.index == 0

    def as_text(self) -> str:
        """Return what TF_CONFIG must hold."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.workers)}, "task": task})


def parse_cluster(text: str) -> Cluster:
    """Read TF_CONFIG. Raises ConfigError where it is empty, not JSON, or names no workers or another task."""
    if not text:
        raise ConfigError(f"{VARIABLE} is not set; give every worker one such as {_EXAMPLE}, or set local_workers")
    try:
        content = json.loads(text)
        workers, task = tuple(content["cluster"]["worker"]), content["task"]
        kind, index = str(task["type"]), int(task["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{VARIABLE} is not what TensorFlow expects ({error!r}); such as {_EXAMPLE}") from error
    if kind != "worker" or set(content["cluster"]) != {"worker"}:
        raise ConfigError(f"{VARIABLE} names other tasks than workers; the first worker is chief, such as {_EXAMPLE}")
    if not 0 <= index < len(workers):
        raise ConfigError(f"{VARIABLE}: this is worker {index} of {len(workers)}; the first one has index 0")
    return Cluster(workers, index)


def local_clusters(count: int) -> list[Cluster]:
    """Return the places of `count` workers on this machine, at ports that are free now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    workers = tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in held)
    for each in held:
        each.close()
    return [Cluster(workers, index) for index in range(count)]
