"""What people said of the parts, how often against the machine, and their answers to blind questions. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from edge_agent.contracts.verdict import Verdict

_LEANS = 0.5


class Answer(NamedTuple):
    """What a person said of a part, and the machine's score of it; `audit`: asked afterwards, when it had gone on."""

    id: int
    operator: str
    verdict: str
    late: int
    conflict: int
    score: float | None
    audit: int = 0


class Check(NamedTuple):
    """An answer to a blind question: `kind` known or second, and what was right or what the other person decided."""

    kind: str
    operator: str
    answer: str
    expected: str | None


@dataclass
class Operator:
    """One person's answers. An override is a decision against what the machine leaned to: see `leaning`.

    `known` blind pictures whose answer is known were shown, `known_right` of them answered so; `seconds` parts that
    somebody else had decided, `seconds_agreed` of them the same way; `audited` parts that had left the station before.
    None of these is in the other counts.
    """

    name: str
    accepted: int = 0
    rejected: int = 0
    overrides_to_accept: int = 0
    overrides_to_reject: int = 0
    late: int = 0
    conflicts: int = 0
    known: int = 0
    known_right: int = 0
    seconds: int = 0
    seconds_agreed: int = 0
    audited: int = 0

    @property
    def decided(self) -> int:
        """Answers that became the part's verdict."""
        return self.accepted + self.rejected

    @property
    def overrides(self) -> int:
        """Decisions against the machine, either way."""
        return self.overrides_to_accept + self.overrides_to_reject


def leaning(score: float | None) -> Verdict | None:
    """Return what the machine leans to: its score is a calibrated probability of defective. None without a score."""
    if score is None:
        return None
    return Verdict.REJECT if score >= _LEANS else Verdict.ACCEPT


def count_answers(answers: Iterable[Answer]) -> list[Operator]:
    """Return what each person did, by name. Late and second answers are labels: they decide and override nothing."""
    people: dict[str, Operator] = {}
    for answer in answers:
        person = people.setdefault(answer.operator, Operator(answer.operator))
        if answer.audit:
            person.audited += 1
        elif answer.late:
            person.late += 1
        elif answer.conflict:
            person.conflicts += 1
        else:
            _count_decision(person, answer)
    return sorted(people.values(), key=lambda person: person.name)


def add_checks(operators: Iterable[Operator], answered: Iterable[Check]) -> list[Operator]:
    """Return the people with their answers to blind questions added, by name."""
    people = {person.name: person for person in operators}
    for check in answered:
        person = people.setdefault(check.operator, Operator(check.operator))
        if check.kind == "known":
            person.known += 1
            person.known_right += check.answer == check.expected
        else:
            person.seconds += 1
            person.seconds_agreed += check.answer == check.expected
    return sorted(people.values(), key=lambda person: person.name)


def known_to(name: str, operators: list[Operator]) -> list[Operator]:
    """Return what one person may see: his own row, and those of the others as one without a name.

    Answers to blind questions are for supervisors: who sees them change learns which part was one.
    """
    operators = [replace(person, known=0, known_right=0, seconds=0, seconds_agreed=0) for person in operators]
    others = [person for person in operators if person.name != name]
    counts = [field.name for field in fields(Operator) if field.name != "name"]
    together = Operator("", **{count: sum(getattr(person, count) for person in others) for count in counts})
    return [*(person for person in operators if person.name == name), *([together] if others else [])]


def _count_decision(person: Operator, answer: Answer) -> None:
    accepts, machine = answer.verdict == Verdict.ACCEPT.value, leaning(answer.score)
    person.accepted += accepts
    person.rejected += not accepts
    person.overrides_to_accept += accepts and machine is Verdict.REJECT
    person.overrides_to_reject += not accepts and machine is Verdict.ACCEPT
