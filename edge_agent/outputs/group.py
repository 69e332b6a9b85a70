"""All outputs of a station as one."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.config import OutputConfig
from edge_agent.contracts.errors import Unavailable
from edge_agent.home import Home
from edge_agent.outputs.gate import GateFile
from edge_agent.outputs.output import Outcome, Output


class OutputGroup:
    """Tells every output; one that fails keeps no other from being told."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = tuple(outputs)

    def drive(self, outcome: Outcome) -> None:
        """Tell all. Raises Unavailable with the first failure, after all were told."""
        failed: Unavailable | None = None
        for output in self._outputs:
            try:
                output.drive(outcome)
            except Unavailable as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def close(self) -> None:
        """Close all."""
        for output in self._outputs:
            output.close()


def make_outputs(configs: Sequence[OutputConfig], home: Home, plc: Output | None = None) -> OutputGroup:
    """Return the PLC, where there is one, and the outputs of the station's settings; relative paths lie in its home."""
    gates = [GateFile(home.root / config.path) for config in configs if config.kind == "gate"]
    return OutputGroup([*([plc] if plc is not None else []), *gates])
