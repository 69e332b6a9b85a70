"""Code that is edited while a run goes on: a worker has loaded the old one, and the key would name the new one."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from edge_agent.contracts.errors import Rejected


class SteadyCode:
    """The files that the steps of one run consist of, by their digests as the run saw each first."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._guard = threading.Lock()

    def check(self, step: str, files: Mapping[str, str]) -> None:
        """Compare a step's files with what the run saw before. Raises Rejected naming one that was edited.

        `files` maps a path to the digest of its content, as in `Closure`.
        """
        with self._guard:
            edited = sorted(path for path, digest in files.items() if self._seen.setdefault(path, digest) != digest)
        if edited:
            raise Rejected(f"{step}: {edited[0]} was edited while the pipeline ran; run again to use it as it is now")
