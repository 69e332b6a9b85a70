"""Many devices enrolled at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_agent.contracts.errors import Rejected
from fleet.devices.enrolment import Addresses, Enrolment, NewDevice
from fleet.home import write_private
from fleet.store.database import Database


def test_devices_enrolled_at_once_are_all_in_the_last_list_of_accounts(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'fleet.db'}")
    database.migrate()
    file = tmp_path / "accounts"

    def changed(accounts):
        write_private(file, "\n".join(account.name for account in accounts).encode())

    addresses = Addresses(broker="mqtt://127.0.0.1:1", http="http://127.0.0.1:1")
    enrolment = Enrolment(database, addresses, lambda: b"{}", changed, lambda: 0)
    names = [f"d{i:02d}" for i in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: enrolment.enrol(NewDevice(device=name, site="north", line="l1")), names))
    assert sorted(file.read_text().split()) == names
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
    database.close()


def test_many_in_one_call_are_one_list_of_accounts_and_one_wrong_one_stops_all(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'fleet.db'}")
    database.migrate()
    told: list[list[str]] = []
    addresses = Addresses(broker="mqtt://127.0.0.1:1", http="http://127.0.0.1:1")
    enrolment = Enrolment(database, addresses, lambda: b"{}", lambda a: told.append([x.name for x in a]), lambda: 0)
    devices = [NewDevice(device=f"d{i:03d}", site="north", line="l1") for i in range(300)]
    made = enrolment.enrol_all(devices)
    assert [one.device for one in made] == [new.device for new in devices]
    assert len({one.broker.password for one in made}) == 300
    assert [sorted(names) for names in told] == [[new.device for new in devices]]
    assert all(enrolment.identify(one.device, one.broker.password) for one in made[::50])
    with pytest.raises(Rejected, match="'d000' is enrolled already"):
        enrolment.enrol_all([NewDevice(device="new", site="north", line="l1"), devices[0]])
    with pytest.raises(Rejected, match="'twice' is enrolled already"):
        enrolment.enrol_all([NewDevice(device="twice", site="north", line="l1")] * 2)
    assert not enrolment.identify("new", "")
    assert len(told) == 1
    database.close()
