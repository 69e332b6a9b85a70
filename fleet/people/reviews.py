"""From reviews to labels: one per part, or the reason why there is none. Rules only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.verdict import Verdict

_EVAL_SHARE = 0.2
MEASURING = "test"
"""The split of parts that a model is measured by and never learns from, nor from which it gets its thresholds."""


@dataclass(frozen=True)
class PartKey:
    """One part, wherever it was seen: counters start again with every boot of a station."""

    device: str
    boot: str
    part: int

    @property
    def name(self) -> str:
        """A name that is safe in tables and files."""
        return f"{self.device}-{self.boot[:8]}-{self.part}"


@dataclass(frozen=True)
class Review:
    """One person's answer; `order` rises with time within a device, `training` is false for what only measures."""

    key: PartKey
    order: int
    operator: str
    verdict: Verdict
    label: str
    late: bool
    conflict: bool
    sampled: str
    image: str | None
    training: bool = True


class Unusable(str, Enum):
    """Why a reviewed part gives no label."""

    CHALLENGE = "challenge part, known beforehand"
    DISPUTED = "two people disagree"
    NO_PICTURE = "its picture has not arrived"
    UNKNOWN_LABEL = "label is not one of the model's"
    WHICH_DEFECT = "rejected without saying which defect"


@dataclass(frozen=True)
class LabelledPart:
    """A part with its one label and its picture's hash."""

    key: PartKey
    label: str
    image: str
    split_hint: str


def labelled(
    reviews: Iterable[Review], names: Sequence[str], machine: Mapping[PartKey, str], pictures: Mapping[str, str]
) -> tuple[list[LabelledPart], dict[Unusable, int]]:
    """Return one label per part and how many parts gave none, by reason.

    `names` are the model's labels with the good one first, `machine` the label the model gave a part, `pictures` maps
    the hashes that have arrived to their kind. Late answers count: they came too late for the gate, not for the truth.
    """
    parts: dict[PartKey, list[Review]] = {}
    for review in reviews:
        parts.setdefault(review.key, []).append(review)
    made, skipped = [], dict.fromkeys(Unusable, 0)
    for key in sorted(parts, key=lambda k: (k.device, k.boot, k.part)):
        outcome = _label(sorted(parts[key], key=lambda r: r.order), names, machine.get(key, ""), pictures)
        if isinstance(outcome, Unusable):
            skipped[outcome] += 1
        else:
            made.append(outcome)
    return made, {reason: count for reason, count in skipped.items() if count}


def _label(
    answers: Sequence[Review], names: Sequence[str], machine: str, pictures: Mapping[str, str]
) -> LabelledPart | Unusable:
    if any(answer.sampled == "challenge" for answer in answers):
        return Unusable.CHALLENGE
    first = [answer for answer in answers if not answer.conflict]
    settled = (first or answers)[-1]
    labels = {_name_of(answer, names, machine) for answer in (settled, *(a for a in answers if a.conflict))}
    if len(labels) > 1:
        return Unusable.DISPUTED
    label = labels.pop()
    if isinstance(label, Unusable):
        return label
    image = next((answer.image for answer in reversed(answers) if answer.image in pictures), None)
    if image is None:
        return Unusable.NO_PICTURE
    hint = split_hint(settled.key) if all(answer.training for answer in answers) else MEASURING
    return LabelledPart(settled.key, label, image, hint)


def _name_of(answer: Review, names: Sequence[str], machine: str) -> str | Unusable:
    """The label a person gave; where they only pressed reject, the model's or the only kind of defect there is."""
    if answer.label:
        agrees = (answer.label == names[0]) == (answer.verdict is Verdict.ACCEPT)
        return answer.label if answer.label in names and agrees else Unusable.UNKNOWN_LABEL
    if answer.verdict is Verdict.ACCEPT:
        return names[0]
    if machine in names[1:]:
        return machine
    return names[1] if len(names) == 2 else Unusable.WHICH_DEFECT


def split_hint(key: PartKey) -> str:
    """Return `eval` for a fixed fifth of the parts, by hash, else `train`."""
    place = int(digest_bytes(key.name.encode())[:8], 16) / 0x1_0000_0000
    return "eval" if place < _EVAL_SHARE else "train"
