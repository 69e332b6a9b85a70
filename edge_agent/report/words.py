"""Report and trace in words, as the commands print them."""

from __future__ import annotations

from edge_agent.report.canary import Shared
from edge_agent.report.numbers import Numbers
from edge_agent.report.people import Operator
from edge_agent.report.show import Show
from edge_agent.report.trace import Both, Trace

_SHOW = Show("en")


def report_lines(numbers: Numbers, names: dict[str, str]) -> list[str]:
    """Return a report line by line; `names` gives names to bundles."""
    show = _SHOW
    down = numbers.downtime
    reasons = ", ".join(f"{name} {number}" for name, number in numbers.reasons.most_common()) or "none"
    details = ", ".join(f"{name} {number}" for name, number in numbers.details.most_common())
    lines = [
        f"{show.period(numbers.period)} {numbers.period.shift}".rstrip(),
        f"parts: {numbers.parts} ({numbers.accepted} accepted, {numbers.rejected} rejected, {numbers.waiting} open)",
        f"yield: {show.percent(numbers.yielded)}",
        f"to people: {show.percent(numbers.review_share)} ({numbers.reviewed} parts, {numbers.timeouts} timed out)",
        f"decided by people: {numbers.decided}, {numbers.overrides} against the machine",
        f"latency: p50 {show.milliseconds(numbers.latency_p50_ms)}, p99 {show.milliseconds(numbers.latency_p99_ms)}",
        f"rejects: {reasons}{f' ({details})' if details else ''}",
        "downtime: not known for this time"
        if down is None
        else f"downtime: {show.span(down.down_ms)} (not ready {show.span(down.not_ready_ms)}, "
        f"not running {show.span(down.stopped_ms)}); ready {show.percent(down.availability)}",
    ]
    if numbers.hit_rate is not None or numbers.agreement is not None:
        known, agreed = show.percent(numbers.hit_rate), show.percent(numbers.agreement)
        lines.append(f"blind checks: {known} of the known parts right, {agreed} of the second looks as the first")
    lines += [_person(person) for person in numbers.operators]
    lines += [f"model {names[model.bundle]}: {model.parts} parts" for model in numbers.models]
    return lines + [_shared(shared, names[shared.bundle]) for shared in numbers.shared]


def _shared(shared: Shared, model: str) -> str:
    return (
        f"canary {model}: {shared.drawn} parts drawn, {shared.decided} decided ({shared.disputed} disputed), "
        f"{shared.late} late, {shared.failed} failed"
    )


def _person(person: Operator) -> str:
    words = [f"{person.name}: {person.decided} decided, {person.overrides} against the machine"]
    words += [f"{person.known_right} of {person.known} known parts right"] if person.known else []
    words += [f"{person.audited} in the audit"] if person.audited else []
    words += [f"{person.seconds_agreed} of {person.seconds} second looks as the first"] if person.seconds else []
    return ", ".join(words)


def trace_lines(part: Trace) -> list[str]:
    """Return a part's trace line by line."""
    show = _SHOW
    said = [
        f"  {show.exact(answer.at_ms)} {answer.operator}: {answer.verdict} {answer.label}".rstrip()
        + (" (late)" if answer.late else " (audit)" if answer.audit else " (second)" if answer.conflict else "")
        for answer in part.answers
    ]
    plc = [f"  PLC: {part.plc.disposition} (run {part.plc.run}, part {part.plc.sequence})"] if part.plc else []
    return [
        f"{part.serial}: {part.final or part.verdict or 'being inspected'} ({_why(part)})",
        f"  came {show.exact(part.triggered_ms)}, judged {show.exact(part.decided_ms)}",
        f"  score {show.percent(part.score)}, label {part.label or '–'}, model {part.model or '–'}",
        f"  output {part.output}, picture {part.picture or 'not kept'}",
        *(f"  view {number}: {view or 'not kept'}" for number, view in enumerate(part.views, 1)),
        *([f"  {_both(part.canary)}"] if part.canary else []),
        *plc,
        *said,
    ]


def _both(canary: Both) -> str:
    show = _SHOW
    second = f"{canary.second} ({show.percent(canary.second_score)})" if canary.second else canary.outcome
    first = f"{canary.first} ({show.percent(canary.first_score)})"
    return f"drawn for {canary.challenger}: {second}; {canary.champion}: {first}"


def _why(part: Trace) -> str:
    return f"{part.reason or 'no reason yet'}{', ' if part.detail else ''}{part.detail}"
