"""The command `trainer`."""

from __future__ import annotations

from edge_agent.contracts.command import Command

_LAZY = {
    "bless": ("trainer.commands.bless:bless", "Release a model that its evaluation refused, on record."),
    "labels": ("trainer.commands.labels:labels", "Agreement of people, doubtful labels, export and import."),
    "data": ("trainer.commands.data:data", "Make sample data; look at data."),
    "pipeline": ("trainer.commands.pipeline:pipeline", "Train, evaluate, convert and push; see what ran and why."),
    "recipe": ("trainer.commands.recipe:recipe", "Propose, check and list recipes."),
    "schema": ("trainer.commands.schema:schema", "See the data's schema, and accept what is new."),
    "thresholds": ("trainer.commands.thresholds:thresholds", "What other thresholds would do, without training."),
    "predict": ("trainer.commands.predict:predict", "Predict a folder of pictures or a table with a bundle."),
    "tune": ("trainer.commands.tune:tune", "Search hyper-parameters: trials in parallel, pruned, resumable."),
    "watch": ("trainer.commands.watch:watch", "Serve the fleet's retrain tickets."),
}

main = Command(
    "trainer",
    lazy=_LAZY,
    help="From labelled pictures of parts, or rows of readings, to a measured, blessed bundle.\n\n"
    "Example: trainer pipeline run --recipe machined-surface --data DIR --root ROOT",
)
