"""A drift ticket in the middle of rollouts: each goes on under the generation that the ticket has made."""

from __future__ import annotations

import pytest

from edge_agent.contracts.states import UpdateState
from fleet.monitoring import tickets
from fleet.monitoring.findings import OPEN
from fleet.monitoring.lifecycle import TicketPolicy
from fleet.store.monitoring_tables import Finding
from tests.simulators.fleet_server import Server, Station, eventually, fleet_server

pytestmark = pytest.mark.slow


def drift(server: Server, bundle: str) -> str:
    """Open a finding and its ticket, as monitoring does within one transaction."""
    finding = Finding(site="here", bundle=bundle, model="tile", version="1", state=OPEN, cause="data", text="odd")
    finding.devices, finding.features, finding.charts = [], [], []
    finding.windows, finding.parts, finding.threshold, finding.first_ms, finding.last_ms = 3, 150, 1.0, 1, 2
    with server.service.context.database.begin() as session:
        session.add(finding)
        session.flush()
        ticket = tickets.follow(session, finding, TicketPolicy(), 10)
        assert ticket is not None
        return ticket.id


def asked(station: Station) -> tuple[float, str | None]:
    last = station.desired[-1]
    return last.sampling.audit, last.caution.bundle if last.caution is not None else None


def test_a_rollout_goes_on_after_a_ticket_and_a_new_model_is_not_mistrusted(tmp_path):
    with fleet_server(tmp_path) as server:
        station = server.station("s1")
        first = server.publish("1.0.0").ref
        done = server.rollout(canary="100%")
        assert server.reaches(done, "done")
        ticket = drift(server, first.bundle)
        assert eventually(lambda: asked(station) == (0.05, first.bundle), 30)
        assert station.desired[-1].model == first
        assert server.show(done)["state"] == "done"

        second = server.publish("2.0.0").ref
        assert server.reaches(server.rollout(canary="100%"), "done")
        assert station.running == second
        assert eventually(lambda: asked(station) == (0.0, None), 30), "the ticket is about the model before"
        generations = len(station.desired)
        assert server.client.get(f"/api/v1/tickets/{ticket}")["state"] == "open"
        server.client.post(f"/api/v1/tickets/{ticket}/dismiss", {})
        assert not eventually(lambda: len(station.desired) > generations, 7), "nothing more to be said"


def test_a_release_is_taken_back_from_a_station_that_was_asked_meanwhile(tmp_path):
    with fleet_server(tmp_path) as server:
        station = server.station("s1")
        first = server.publish("1.0.0").ref
        assert server.reaches(server.rollout(canary="100%"), "done")
        second = server.publish("2.0.0").ref
        beside = server.rollout(canary="100%")
        assert server.reaches(beside, "done")
        drift(server, second.bundle)
        assert eventually(lambda: asked(station) == (0.05, second.bundle), 30)
        server.client.post(f"/api/v1/rollouts/{beside}/abort", {})
        assert eventually(lambda: server.show(beside)["counts"] == {"restored": 1}, 30), server.show(beside)
        assert station.running is not None
        assert station.running.bundle == first.bundle
        assert eventually(lambda: asked(station) == (0.0, None), 30)


def test_a_fallback_after_a_ticket_still_takes_the_success_back(tmp_path):
    with fleet_server(tmp_path) as server:
        station = server.station("s1")
        first = server.publish("1.0.0").ref
        done = server.rollout(canary="100%")
        assert server.reaches(done, "done")
        drift(server, first.bundle)
        assert eventually(lambda: asked(station) == (0.05, first.bundle), 30)
        station.running = None
        station.report(UpdateState.ROLLED_BACK, "fell back later")
        assert server.reaches(done, "aborted", 30), server.show(done)
