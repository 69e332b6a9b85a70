"""A pipeline of Beam's on the runner that the settings name."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.beam.options import pipeline_options

_PORTABLE = ("flink", "spark")
_WAIT_S = 5.0


def pipeline_with(where: Mapping[str, Any]) -> Any:
    """Return a `beam.Pipeline` for `where`: `runner` ("" = direct) and `options` by Beam's names.

    `direct` is Beam's runner in this process or, by `direct_num_workers` and `direct_running_mode`, in several; it is
    built here, for left to itself Beam would download another one. Raises ConfigError for options that Beam does not
    take, Unavailable where a job server does not answer.
    """
    import apache_beam as beam

    options = pipeline_options(where.get("options", {}))
    return beam.Pipeline(runner=runner_of(str(where.get("runner", "")), options), options=options)


def runner_of(name: str, options: Any) -> Any:
    """Return Beam's runner object for `direct`, `flink`, `spark` or `dataflow`."""
    if name in _PORTABLE:
        return _portable(name, options)
    if name == "dataflow":
        return _dataflow()
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    return FnApiRunner()


def _portable(name: str, options: Any) -> Any:
    """Return the runner that hands the job to a job server, which must be there: none is downloaded or started."""
    from apache_beam.options.pipeline_options import PortableOptions
    from apache_beam.runners.portability.portable_runner import PortableRunner

    address = str(options.view_as(PortableOptions).job_endpoint)
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_WAIT_S).close()
    except ValueError as error:
        raise ConfigError(f"beam.options.job_endpoint is '{address}', expected HOST:PORT") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(
            f"beam: no job server of {name} at {address} ({reason}); start it, see docs/scale.md"
        ) from error
    return PortableRunner()


def _dataflow() -> Any:
    """Return Google's runner. Raises ConfigError where its packages are missing: Beam itself finds out too late."""
    try:
        import_module("google.cloud.storage")
        found: Any = import_module("apache_beam.runners.dataflow.dataflow_runner")
    except ImportError as error:
        raise ConfigError(
            f"beam.runner dataflow needs more packages ({error}): pip install 'apache-beam[gcp]'"
        ) from error
    return found.DataflowRunner()
