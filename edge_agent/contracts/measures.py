"""The numbers counted for every picture that a station judges, the same in the baseline and on the device.

One picture gives one value of each feature (a part with three views gives three), so a window's `n` counts pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.contracts.quality import QUALITY_FEATURES

SCORE, CONFIDENCE = "score", "confidence"
MAX_EMBEDDING_FEATURES = 16


def feature_names(embedding: int | None) -> tuple[str, ...]:
    """Return the names of all features for an embedding of that length (None = no embedding), in order."""
    count = min(embedding or 0, MAX_EMBEDDING_FEATURES)
    return (*QUALITY_FEATURES, SCORE, CONFIDENCE, *(f"emb_{i:02d}" for i in range(count)))


def picture_values(
    quality: Sequence[float], class_probabilities: Sequence[float], embedding: Sequence[float] | None
) -> list[float]:
    """Return one picture's values in the order of `feature_names`.

    `quality` is `quality.image_quality` of the model's input, `class_probabilities` is calibrated with class 0 the good
    one: `score` is the probability of any defect, `confidence` the largest class probability.
    """
    values = [*quality, 1.0 - class_probabilities[0], max(class_probabilities)]
    if embedding is not None:
        values.extend(embedding[:MAX_EMBEDDING_FEATURES])
    return values
