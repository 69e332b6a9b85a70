"""The pipeline as files for orchestrators: one task a step, each the command `trainer pipeline run --only STEP`."""
