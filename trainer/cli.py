"""The command `trainer`."""

from __future__ import annotations

from edge_agent.contracts.command import Command

_LAZY = {
    "bless": ("trainer.commands.bless:bless", "Release a model that its evaluation refused, on record."),
    "data": ("trainer.commands.data:data", "Make labelled sample data."),
    "labels": ("trainer.commands.labels:labels", "Agreement of people, doubtful labels, export and import."),
    "pipeline": ("trainer.commands.pipeline:pipeline", "Train, evaluate, convert and push; see what ran and why."),
    "thresholds": ("trainer.commands.thresholds:thresholds", "What other thresholds would do, without training."),
    "watch": ("trainer.commands.watch:watch", "Serve the fleet's retrain tickets."),
}

main = Command(
    "trainer",
    lazy=_LAZY,
    help="From labelled pictures of parts to a measured, blessed bundle.\n\n"
    "Example: trainer pipeline run --recipe machined-surface --data DIR --root ROOT",
)
