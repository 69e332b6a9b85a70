"""The Update Framework's client, imported without the cloud vendors' key services.

securesystemslib imports each key service's library that is installed, seconds and tens of megabytes for nothing: a
device only checks signatures. Where the trainer shares the environment they are hidden while the client is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast

_KEY_SERVICES = ("google.cloud.kms", "boto3", "azure.identity", "azure.keyvault.keys", "hvac", "sigstore")


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Make `import` believe that these modules are not installed."""
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = cast(ModuleType, None)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with _hidden(_KEY_SERVICES):
    from tuf.api.exceptions import (
        BadVersionNumberError,
        DownloadError,
        DownloadHTTPError,
        ExpiredMetadataError,
        RepositoryError,
    )
    from tuf.ngclient.fetcher import FetcherInterface
    from tuf.ngclient.updater import Updater

__all__ = [
    "BadVersionNumberError",
    "DownloadError",
    "DownloadHTTPError",
    "ExpiredMetadataError",
    "FetcherInterface",
    "RepositoryError",
    "Updater",
]
