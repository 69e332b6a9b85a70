"""All outputs of a station as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_agent.channel import Message
from edge_agent.config import OutputConfig, ReceiverConfig
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


class Waker:
    """Tells the uplink process that a part is finished, so that the receivers hear of it at once.

    What it says may be lost: the receivers are told from the journal, which is looked at once a second anyway.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send

    def drive(self, outcome: Outcome) -> None:
        """Say so."""
        self._send({"to": "uplink", "kind": "finished"})

    def close(self) -> None:
        """Nothing is held."""


def make_outputs(
    configs: Sequence[OutputConfig | ReceiverConfig], home: Home, plc: Output | None, send: Callable[[Message], None]
) -> OutputGroup:
    """Return the PLC, where there is one, and the outputs of the station's settings; relative paths lie in its home.

    Receivers by MQTT and HTTP are told by the uplink process (`edge_agent.uplink.line_side`); `send` wakes it.
    """
    outputs: list[Output] = [plc] if plc is not None else []
    outputs += [GateFile(home.root / config.path) for config in configs if config.kind == "gate"]
    if any(not isinstance(config, OutputConfig) for config in configs):
        outputs.append(Waker(send))
    return OutputGroup(outputs)
