"""Many devices enrolled at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
