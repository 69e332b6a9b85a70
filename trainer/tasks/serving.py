"""Production as ExampleValidator sees it: records of its own, or what the fleet's stations have counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_agent.contracts.errors import ConfigError
from trainer.components.seen_gen import FILE
from trainer.pipeline.driver import Driver
from trainer.pipeline.step import Artifact, Known, Resolved, Step

SEEN = "ServingStatisticsGen"
_INPUTS = {SEEN: ("seen", "statistics"), "ServingExampleGen": ("serving", "examples")}


def seen_step(file: Path, driver: Driver) -> Step:
    """Return the step that reads a file of the fleet's windows. Raises ConfigError for one that cannot be read."""

    def listed(_known: Known) -> Resolved:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ConfigError(f"example_validator.serving {file}: cannot be read ({error.strerror})") from error
        staged = driver.store.stage("seen.listing")
        (staged / FILE).write_bytes(content)
        digest = driver.store.publish(staged)
        return Resolved({"seen": Artifact("SeenWindows", digest, driver.store.path(digest))})

    function = "trainer.components.seen_gen:seen_gen"
    return Step(SEEN, function, {}, {"statistics": "ExampleStatistics"}, resolve=listed)


def compared_with(serving: Sequence[Step]) -> dict[str, str]:
    """Return the inputs of ExampleValidator that these steps make."""
    return {name: f"{step.name}.{output}" for step in serving for name, output in [_INPUTS[step.name]]}
