"""The main job end to end, with the commands that a user would type. Called by scripts/quickstart."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from quickstart_operator import Operator, fetch
from quickstart_processes import Failed, Stage

RECIPE = "machined-surface"
TRAINING_PARTS, LINE_PARTS = 120, 160
DARK = 0.55


class Loop:
    """The hops, in the order of the data. Each says what it did."""

    def __init__(self, stage: Stage, options: argparse.Namespace) -> None:
        self.stage, self.options = stage, options
        folder = stage.folder
        self.data, self.line, self.lamp = folder / "data", folder / "line", folder / "lamp.txt"
        self.root, self.home, self.station = folder / "trainer", folder / "fleet", folder / "station-01"
        self.summary: dict[str, Any] = {"rollouts": []}
        self.operator: Operator | None = None

    def samples(self) -> None:
        made = self.stage.run(
            "trainer", "data", "sample", str(self.data), "--parts", str(TRAINING_PARTS), "--seed", "1"
        )
        self.stage.run("trainer", "data", "sample", str(self.line), "--parts", str(LINE_PARTS), "--seed", "2")
        self.lamp.write_text("1.0")
        self.stage.say(f"samples     {made['parts']} parts, {made['images']} pictures in {self.data}")

    def serve(self) -> None:
        self.stage.run("fleet", "init", str(self.home))
        command = ["fleet", "serve", "--home", str(self.home), "--port", str(self.options.port)]
        command += ["--mqtt-port", str(self.options.port + 3)]
        if self.options.broker:
            command += ["--broker", self.options.broker]
        self.stage.start("fleet", *command)
        client = self.stage.wait("the fleet service's start", lambda: _read(self.home / "client.json"), 40)
        self.url, self.token = client["url"], client["token"]
        self.stage.wait("the dashboard", lambda: fetch(f"{self.url}/api/v1/summary", self.token), 20)
        self.stage.say(f"fleet       {self.url} (token in {self.home / 'client.json'})")

    def train(self, version: str, *extra: str) -> dict[str, Any]:
        self.stage.say(f"training    {RECIPE}@{version} …")
        before = self.stage.seconds
        result = self.stage.run(
            "trainer", "pipeline", "run", "--recipe", RECIPE, "--data", str(self.data), "--root", str(self.root),
            "--version", version, *extra,
        )  # fmt: skip
        if not result["blessed"]:
            raise Failed(f"version {version} was not blessed: {result['reasons']}")
        cached = sum(step["status"] == "cached" for step in result["steps"])
        figures = ", ".join(f"{k} {v:.3f}" for k, v in sorted(result["metrics"].items()) if isinstance(v, float))
        self.stage.say(f"trained     {version} blessed in {self.stage.seconds - before:.0f} s, {cached} steps cached")
        self.stage.say(f"            {figures[:150]}")
        return result

    def publish(self, result: dict[str, Any]) -> dict[str, Any]:
        published = self.stage.run("fleet", "publish", result["bundle"], "--home", str(self.home))
        self.stage.say(
            f"published   {published['model']}@{published['version']}, signed as release {published['release']}"
        )
        return published

    def devices(self) -> None:
        file = self.stage.folder / "station-01.json"
        self.stage.run(
            "fleet", "enrol", "station-01", "--site", "north", "--line", "line-1", "--class", "generic",
            "--out", str(file), "--home", str(self.home),
        )  # fmt: skip
        self.stage.run("edge-agent", "enrol", str(file), "--home", str(self.station))
        settings = self.station / "station.yaml"
        settings.write_text(settings.read_text().replace("port: 8790", f"port: {self.options.port + 10}"))
        pin = self.stage.run("edge-agent", "pin", "add", "ann", "--pin", "246810", "--home", str(self.station))
        source = f"folder://{self.line.resolve()}?loop=1&shuffle=1&lamp={self.lamp.resolve()}"
        self.stage.start("station-01", "edge-agent", "run", "--home", str(self.station), "--source", f"{source}&fps=4")
        self.stage.start(
            "simulate", "fleet", "simulate", "--devices", str(self.options.devices - 1), "--source", source,
            "--rate", "1.0", "--home", str(self.home), "--folder", str(self.stage.folder / "stations"),
        )  # fmt: skip
        self.page = self.stage.wait("the operator page", self._page, 60)
        self.stage.wait("all devices online", lambda: self._online() >= self.options.devices, 120)
        self.stage.say(f"devices     {self._online()} online; operator page {self.page} (ann, PIN 246810)")
        self.operator = Operator(self.page, pin.get("name", "ann"), "246810", self.line / "labels.csv")
        self.operator.start()

    def rollout(self, published: dict[str, Any]) -> None:
        before = self.stage.seconds
        model = f"{published['model']}@{published['version']}"
        result = self.stage.run(
            "fleet",
            "rollout",
            model,
            "--canary",
            "5%",
            "--soak",
            "3s",
            "--probation",
            "8s",
            "--probation-parts",
            "6",
            "--wait",
            "--home",
            str(self.home),
        )
        self.stage.wait("every device commits", lambda: self._committed(published) >= self.options.devices, 90)
        self.summary["rollouts"].append({"rollout": result["rollout"], "model": model, "stages": result["stages"]})
        self.stage.say(
            f"rolled out  {model} to {self._committed(published)} devices in {self.stage.seconds - before:.0f} s"
        )
        self.stage.say(f"            {result['can_prove']['text']}")

    def inspect(self, parts: int) -> None:
        target = self._parts()["inspected"] + parts
        self.stage.wait(f"{parts} more inspected parts", lambda: self._parts()["inspected"] >= target, 120)
        counts = self._parts()
        self.stage.say(
            f"inspected   {counts['inspected']} parts: {counts['accept']} accepted, {counts['reject']} rejected, "
            f"{counts['reviewed']} decided by a person"
        )

    def darken(self) -> dict[str, Any]:
        self.lamp.write_text(str(DARK))
        self.stage.say(f"lighting    the lamp is turned down to {DARK:.0%}")
        first = self.stage.wait("a drift finding", lambda: self._summary()["findings"], 150)[0]
        self.stage.say(f"drift       site {first['site']}: {first['cause']}")
        ticket: dict[str, Any] = self.stage.wait("a retrain ticket", lambda: self._summary()["tickets"], 30)[0]
        self.stage.say(f"ticket      {ticket['id']}: {ticket['cause']}, {ticket['state']}")
        self.summary["ticket"] = ticket["id"]
        return ticket

    def retrain(self, ticket: dict[str, Any]) -> dict[str, Any]:
        assert self.operator is not None
        want = self.operator.answered + 6
        self.stage.wait("six parts reviewed in the new light", lambda: self.operator.answered >= want, 150)
        findings = self._summary()["findings"]
        self.summary["drift"] = [{"site": finding["site"], "cause": finding["cause"]} for finding in findings]
        self.stage.say(f"drift       found at {', '.join(sorted({f['site'] for f in findings}))}")
        self.stage.run("fleet", "tickets", "approve", str(ticket["id"]), "--home", str(self.home))
        self.stage.say("approved    a person says: the new light stays, learn it")
        return self.train("2.0.0", "--ticket", str(ticket["id"]), "--fleet-home", str(self.home))

    def finish(self, committed: dict[str, Any]) -> dict[str, Any]:
        counts = self._parts()
        self.summary |= {
            "inspected": counts["inspected"],
            "reviewed": counts["reviewed"],
            "committed_devices": self._committed(committed),
            "seconds": round(self.stage.seconds, 1),
        }
        return self.summary

    def _page(self) -> str | None:
        return (_read(self.station / "run" / "station.json") or {}).get("ui")

    def _summary(self) -> dict[str, Any]:
        return fetch(f"{self.url}/api/v1/summary", self.token) or {"findings": [], "tickets": []}

    def _parts(self) -> dict[str, int]:
        return dict(self._summary()["parts"])

    def _online(self) -> int:
        return int(self._summary()["devices"]["online"])

    def _committed(self, published: dict[str, Any]) -> int:
        return int(self._summary()["devices"]["by_bundle"].get(published["bundle"], 0))


def play(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    """Go round the loop once and return the summary."""
    loop = Loop(stage, options)
    loop.samples()
    loop.serve()
    first = loop.train("1.0.0")
    loop.devices()
    published = loop.publish(first)
    loop.rollout(published)
    loop.inspect(100)
    ticket = loop.darken()
    second = loop.retrain(ticket)
    again = loop.publish(second)
    loop.rollout(again)
    loop.inspect(40)
    loop.summary |= {"trained": first["blessed"], "published": [published["version"], again["version"]]}
    loop.summary["retrained"] = second["blessed"]
    summary = loop.finish(again)
    stage.say(f"pages       dashboard {loop.url}   operator page {loop.page}")
    if loop.operator is not None and options.exit:
        loop.operator.stop()
    return summary


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return None


def main() -> int:
    """Parse the arguments, play, clean up whatever happens."""
    parser = argparse.ArgumentParser(prog="scripts/quickstart")
    parser.add_argument("--exit", action="store_true")
    parser.add_argument("--broker")
    parser.add_argument("--devices", type=int, default=20)
    parser.add_argument("--port", type=int, default=8780)
    parser.add_argument("--folder", type=Path, default=Path(".quickstart"))
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    stage = Stage(options.folder.resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        summary = play(stage, options)
        if not options.exit:
            stage.say("running     press Ctrl-C to end")
            while threading.main_thread().is_alive():
                time.sleep(1)
    except Failed as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ended", file=sys.stderr)
        return 130
    finally:
        stage.stop()
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
