"""Where the schema of a run comes from: reviewed by people, or inferred; the same for every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.pipeline.step import Step
from trainer.tasks.order import Order
from trainer.tasks.resolvers import text_of
from trainer.validation.reviewed import REVIEWED

_HERE = "trainer.components.schema_gen"


def schema_step(order: Order, labels: Sequence[str], rules: Mapping[str, Any]) -> tuple[Step, str]:
    """Return the step that makes the schema and the name of its output.

    A reviewed schema depends on no data: ImportSchemaGen takes it as it is. SchemaGen infers one otherwise.
    """
    file = order.settings.schema_gen.schema_file
    if not file and (order.root / REVIEWED).is_file():
        file = str(order.root / REVIEWED)
    if file:
        reviewed = text_of(file, "schema_gen.schema_file")
        function = f"{_HERE}:import_schema_gen"
        step = Step("ImportSchemaGen", function, {}, {"schema": "Schema"}, {"reviewed": reviewed})
    else:
        function, inputs = f"{_HERE}:schema_gen", {"statistics": "StatisticsGen.statistics"}
        values = {"labels": list(labels), "rules": dict(rules)}
        step = Step("SchemaGen", function, inputs, {"schema": "Schema"}, values)
    return step, f"{step.name}.schema"
