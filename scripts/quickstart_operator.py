"""A person at the operator page, played: looks at the queue and answers what the part's label says."""

from __future__ import annotations

import csv
import http.cookiejar
import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def fetch(url: str, token: str) -> dict[str, Any] | None:
    """GET a JSON object with a bearer token; None while the server does not answer."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return dict(json.load(answer))
    except (OSError, ValueError):
        return None


class Operator(threading.Thread):
    """Signs in by PIN and decides the parts in the queue until stopped."""

    def __init__(self, page: str, name: str, pin: str, labels: Path) -> None:
        super().__init__(daemon=True)
        with labels.open(newline="") as file:
            rows = list(csv.DictReader(file))
        defects = {row["part"]: row["label"] for row in rows if row["label"] != "ok"}
        self.truth = {row["part"]: defects.get(row["part"], "ok") for row in rows}
        self.page, self.sign_in = page.rstrip("/"), {"name": name, "pin": pin}
        self.answered = 0
        self.ended = threading.Event()
        jar = http.cookiejar.CookieJar()
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self.token = ""

    def run(self) -> None:
        """Poll the queue a few times a second."""
        while not self.ended.wait(0.3):
            try:
                if not self.token:
                    self.token = str(self._post("/api/login", self.sign_in).get("csrf", "-"))
                for part in self._get("/api/queue"):
                    self._answer(part)
            except urllib.error.HTTPError as error:
                if error.code in (401, 403):
                    self.token = ""
            except (OSError, ValueError):
                continue

    def stop(self) -> None:
        """End the shift."""
        self.ended.set()

    def _answer(self, part: dict[str, Any]) -> None:
        label = self.truth.get(part["serial"], "ok")
        verdict = "accept" if label == "ok" else "reject"
        outcome = self._post(f"/api/parts/{part['part']}/answer", {"verdict": verdict, "label": label})
        self.answered += outcome.get("outcome") == "decided"

    def _get(self, path: str) -> list[dict[str, Any]]:
        with self.browser.open(self.page + path, timeout=5) as answer:
            return list(json.load(answer))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "X-CSRF-Token": self.token}
        request = urllib.request.Request(self.page + path, json.dumps(body).encode(), headers, method="POST")
        with self.browser.open(request, timeout=5) as answer:
            return dict(json.load(answer))
