"""Health and metrics for machines. Text format: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from edge_agent.contracts.verdict import Automation
from edge_agent.decision.automation import rank
from edge_agent.station.door import Door
from edge_agent.station.errors import Refused
from edge_agent.station.prediction import Predictor
from edge_agent.station.view import View

Sample = tuple[dict[str, str], float]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Probes:
    """`/healthz` (this process lives), `/readyz` (the next part is inspected), `/metrics`."""

    door: Door
    view: View
    predictor: Predictor

    def router(self) -> APIRouter:
        """Return the routes; health and readiness need no log-in and tell nothing else."""
        router = APIRouter(tags=["health"])
        router.add_api_route("/healthz", self.health, response_model=None)
        router.add_api_route("/readyz", self.readiness, response_model=None)
        router.add_api_route("/metrics", self.metrics, response_model=None)
        return router

    def health(self) -> dict[str, bool]:
        """Say that this process answers."""
        return {"ok": True}

    def readiness(self) -> dict[str, Any]:
        """Say whether the station inspects. Raises Refused(503) with the reason."""
        ready = self.view.ready()
        if not ready.ready:
            raise Refused(503, "not-ready", ready.words, ready=False)
        return {"ready": True}

    def metrics(self, request: Request) -> Response:
        """Return all metrics."""
        self.door.visitor(request)
        text = "".join(exposition(self.view.status(), self.view.health(), len(self.view.queue("")), self.predictor))
        return Response(text, media_type=CONTENT_TYPE)


def exposition(status: dict[str, Any], hot: dict[str, Any], waiting: int, predictor: Predictor) -> Iterator[str]:
    """Yield the metrics, one family after the other."""
    tallies: dict[str, int] = status["tallies"]
    yield from family("parts_total", "counter", "Parts that were triggered.", [({}, tallies.get("parts", 0))])
    for name, prefix, label, text in (
        ("verdicts_total", "final.", "verdict", "Final verdicts."),
        ("reasons_total", "reason.", "reason", "Why the final verdicts were given."),
        ("details_total", "detail.", "detail", "What was wrong where there was no picture, or none to judge."),
        ("answers_total", "review.", "outcome", "Answers of people, by what became of them."),
        ("triggers_ignored_total", "trigger.", "why", "Triggers that made no part: bounced, repeated, malformed."),
        ("faults_total", "fault.", "fault", "Faults, each counted when it began."),
    ):
        found = [({label: key[len(prefix) :]}, n) for key, n in sorted(tallies.items()) if key.startswith(prefix)]
        yield from family(name, "counter", text, found)
    shared = [(_canary(key), n) for key, n in sorted(tallies.items()) if key.startswith("canary.")]
    yield from family("canary_parts_total", "counter", "Parts that were drawn for a challenger, by what came.", shared)
    yield from family("held_total", "counter", "Parts held for a person.", [({}, tallies.get("verdict.review", 0))])
    yield from family("reviews_waiting", "gauge", "Parts that wait for a person now.", [({}, waiting)])
    yield from family("ready", "gauge", "1 while the next part will be inspected.", [({}, int(status["ready"]))])
    degree: list[Sample] = [({}, rank(Automation(status["mode"])))] if status["mode"] else []
    yield from family("automation_degree", "gauge", "0 human, 1 shadow, 2 assist, 3 partial, 4 full.", degree)
    locked = int(status["code"] == "locked")
    yield from family("locked", "gauge", "1 since a challenge part failed, until it is unlocked.", [({}, locked)])
    yield from family("disk_free_bytes", "gauge", "Free disk.", [({}, status["disk"]["free_bytes"])])
    latencies = [
        ({"quantile": quantile}, hot[key] / 1e3)
        for quantile, key in (("0.5", "latency_p50_ms"), ("0.95", "latency_p95_ms"))
        if hot.get(key) is not None
    ]
    yield from family("latency_seconds", "summary", "Time from trigger to verdict, of the last parts.", latencies)
    yield from _losses(tallies, hot)
    model = status["model"]
    yield from family("model_info", "gauge", "The model that judges.", [(model, 1)] if model else [])
    yield from family("predictions_total", "counter", "Pictures judged by request.", [({}, predictor.count)])
    yield from family("prediction_seconds_total", "counter", "Time spent on them.", [({}, predictor.seconds)])


def _canary(key: str) -> dict[str, str]:
    _, bundle, outcome = key.split(".")
    return {"bundle": bundle, "outcome": outcome}


def _losses(tallies: dict[str, int], hot: dict[str, Any]) -> Iterator[str]:
    """Yield what was given up so that the line could go on."""
    skipped = [
        ({"output": key.removeprefix("output.").removesuffix(".skipped")}, n)
        for key, n in sorted(tallies.items())
        if key.startswith("output.") and key.endswith(".skipped")
    ]
    yield from family("outputs_skipped_total", "counter", "Parts that an output refused for good.", skipped)
    for name, text, count in (
        ("frames_overtaken_total", "Frames nobody judged, of a continuous line.", tallies.get("frame.overtaken", 0)),
        ("journal_stopped_total", "Times the journal took nothing.", tallies.get("journal.stopped", 0)),
        ("parts_unrecorded_total", "Parts rejected while the disk took no record.", tallies.get("part.unrecorded", 0)),
        ("pictures_dropped_total", "Pictures that went to make room.", tallies.get("image.dropped", 0)),
        ("pictures_lost_total", "Pictures never stored, since the process started.", hot.get("pictures_lost", 0)),
    ):
        yield from family(name, "counter", text, [({}, count)])


def family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    """Yield one metric's help, type and samples; names get the prefix `lineside_`."""
    yield f"# HELP lineside_{name} {text}\n# TYPE lineside_{name} {kind}\n"
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(str(text))}"' for key, text in sorted(labels.items()))
        yield f"lineside_{name}{{{inner}}} {value:.12g}\n" if inner else f"lineside_{name} {value:.12g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
