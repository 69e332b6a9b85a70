"""The fleet service: signed versions go out, facts come back, drift is found."""

import sys

# The signing library looks for Google's key service when it is imported. Where that is installed (the trainer's
# libraries bring it) this takes seconds and prints warnings; the fleet's keys are files, so it is not offered.
sys.modules.setdefault("google.cloud.kms", None)  # type: ignore[arg-type]
