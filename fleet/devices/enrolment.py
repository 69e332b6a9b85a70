"""Enrolment: a device gets a name, a place and a password; the fleet keeps the hash and tells the broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge_agent.contracts.credentials import BrokerAccess, Credentials, RegistryAccess
from edge_agent.contracts.encoding import Identifier
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.strict import Strict
from edge_agent.contracts.topics import Address
from fleet.broker.accounts import FLEET, Account
from fleet.devices.passwords import hash_password, new_password, verify_password
from fleet.store.database import Database
from fleet.store.tables import Device


class NewDevice(Strict):
    """What one must say of a device to enrol it; `renew` replaces the password of a known one."""

    device: Identifier
    site: Identifier
    line: Identifier
    device_class: Identifier = "generic"
    tags: dict[str, str] = {}
    renew: bool = False


@dataclass(frozen=True)
class Addresses:
    """Where devices find the fleet: broker, its certificate authority (PEM) if any, and HTTP."""

    broker: str
    http: str
    ca: str | None = None


class Enrolment:
    """Adds, renews and revokes devices. `accounts_changed` is told the list that the broker shall accept."""

    def __init__(
        self,
        database: Database,
        addresses: Addresses,
        root: Callable[[], bytes],
        accounts_changed: Callable[[list[Account]], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._database, self._addresses, self._root = database, addresses, root
        self._accounts_changed, self._now_ms = accounts_changed, now_ms
        self._publishing = threading.Lock()

    def enrol(self, new: NewDevice) -> Credentials:
        """Return the credentials of a device; they are shown this once. Raises Rejected for a name in use."""
        return self.enrol_all([new])[0]

    def enrol_all(self, devices: Sequence[NewDevice]) -> list[Credentials]:
        """Enrol all of them or, where one is Rejected, none; the broker is told once."""
        for new in devices:
            Address(new.site, new.device)
            if new.device == FLEET:
                raise Rejected(f"'{FLEET}' is the server's own name at the broker; give the device another one")
        passwords = [new_password() for _ in devices]
        with self._database.begin() as session:
            for new, password in zip(devices, passwords, strict=True):
                self._store(session, new, hash_password(password))
        self.publish_accounts()
        return [self._credentials(new, password) for new, password in zip(devices, passwords, strict=True)]

    def _credentials(self, new: NewDevice, password: str) -> Credentials:
        return Credentials(
            device=new.device,
            site=new.site,
            line=new.line,
            device_class=new.device_class,
            broker=BrokerAccess(
                url=self._addresses.broker, username=new.device, password=password, ca=self._addresses.ca
            ),
            registry=RegistryAccess(url=f"{self._addresses.http}/registry", root=self._trusted_root()),
            upload_url=f"{self._addresses.http}/api/v1/devices/{new.device}",
            issued_ms=self._now_ms(),
        )

    def _trusted_root(self) -> dict[str, Any]:
        root: dict[str, Any] = json.loads(self._root())
        return root

    def _store(self, session: Session, new: NewDevice, credential: str) -> None:
        device = session.get(Device, new.device)
        if device is not None and not new.renew:
            raise Rejected(f"device '{new.device}' is enrolled already; say --renew to replace its password")
        if device is not None and device.site != new.site:
            raise Rejected(f"device '{new.device}' is at site '{device.site}'; enrol it there or rename it")
        if device is None:
            device = Device(id=new.device, site=new.site, enrolled_ms=self._now_ms(), tags=dict(new.tags))
            session.add(device)
        device.line, device.device_class, device.credential = new.line, new.device_class, credential
        device.revoked_ms = None
        session.flush()

    def revoke(self, device_id: str) -> None:
        """Shut a device out of broker and registry. Raises Rejected for an unknown one."""
        with self._database.begin() as session:
            device = session.get(Device, device_id)
            if device is None:
                raise Rejected(f"no device '{device_id}'; 'fleet devices' lists all")
            device.revoked_ms = self._now_ms()
        self.publish_accounts()

    def publish_accounts(self) -> None:
        """Tell the broker whom to let in. One at a time: an older list must not replace a newer one."""
        with self._publishing:
            with self._database.read() as session:
                rows = session.execute(select(Device.id, Device.credential).where(Device.revoked_ms.is_(None)))
                accounts = [Account(name, credential) for name, credential in rows]
            self._accounts_changed(accounts)

    def identify(self, device_id: str, password: str) -> bool:
        """True for the password of an enrolled device that was not revoked."""
        with self._database.read() as session:
            device = session.get(Device, device_id)
            stored = device.credential if device is not None and device.revoked_ms is None else ""
        return verify_password(password, stored)
