"""The station's settings: one YAML file, `HOME/station.yaml` (docs/config.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from edge_agent.automation.settings import PromotionConfig, SamplingConfig
from edge_agent.challenge.settings import ChallengeConfig
from edge_agent.contracts.encoding import Identifier
from edge_agent.contracts.strict import Strict, load_yaml
from edge_agent.contracts.verdict import Automation
from edge_agent.report.names import LabelNames

Share = Annotated[float, Field(ge=0, le=1)]
BrokerUrl = Annotated[str, Field(pattern=r"^mqtts?://([^/@:\s]+@)?([^\[\]/@:\s]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$")]
ReceiverName = Annotated[Identifier, Field(max_length=40)]


def _clock_time(value: object) -> object:
    """Return HH:MM; YAML reads an unquoted 14:00 as a number of minutes."""
    if isinstance(value, int) and 0 <= value < 24 * 60:
        return f"{value // 60:02}:{value % 60:02}"
    return value


ClockTime = Annotated[
    str, BeforeValidator(_clock_time), StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", strict=True)
]


class TriggerConfig(Strict):
    """What makes a part: each picture of the source, a fixed interval, a PLC, or a request by HTTP.

    Requests by HTTP are taken in every mode. `depth` triggers may wait; more are rejected as overrun.
    """

    kind: Literal["continuous", "interval", "http", "plc"] = "continuous"
    every_ms: Annotated[float, Field(gt=0)] = 1000.0
    debounce_ms: Annotated[float, Field(ge=0)] = 0.0
    depth: Annotated[int, Field(ge=1, le=64)] = 4


class LineBroker(Strict):
    """A topic of the line's own broker.

    `url` is `mqtt://[user@]host[:port]`, or `mqtts://` for TLS; `password` and `ca` (PEM, instead of the machine's own
    authorities) are files, relative to the station's folder.
    """

    url: BrokerUrl
    topic: Annotated[str, Field(min_length=1, max_length=1024)]
    password: str | None = None
    ca: str | None = None


class MqttTriggerConfig(LineBroker):
    """A message on `topic` of the line's own broker makes a part (docs/formats/outputs.md).

    `url` is `mqtt://[user@]host[:port]`, or `mqtts://` for TLS; `password` and `ca` (PEM, instead of the machine's own
    authorities) are files, relative to the station's folder. `debounce_ms` and `depth` as for the other kinds.
    """

    kind: Literal["mqtt"]
    debounce_ms: Annotated[float, Field(ge=0)] = 0.0
    depth: Annotated[int, Field(ge=1, le=64)] = 4


class OutputConfig(Strict):
    """Who is told the verdict: `none` or `gate` (a line per part in a file, as a PLC would count them)."""

    kind: Literal["none", "gate"] = "none"
    path: str = "gate.jsonl"


class WebhookConfig(Strict):
    """Each finished part is posted to `url`, signed, until the receiver has it (docs/formats/outputs.md).

    `name` is under which the station remembers how far the receiver is: keep it when the address changes. `secret` is a
    file that only its owner may read (mode 0600), `ca` one of PEM certificates to trust instead of the machine's own
    authorities; both relative to the station's folder.
    """

    kind: Literal["webhook"]
    name: ReceiverName = "webhook"
    url: Annotated[str, Field(pattern=r"^https?://[^/@\s]+(/\S*)?$")]
    secret: str
    ca: str | None = None
    timeout_ms: Annotated[float, Field(ge=100, le=60_000)] = 5000.0


class MqttOutputConfig(LineBroker):
    """Each finished part is published at QoS 1 on `topic` of the line's own broker (docs/formats/outputs.md).

    `name`, `url`, `password` and `ca` as for the webhook and the MQTT trigger; `timeout_ms` is how long an
    acknowledgement may take before it is called a fault.
    """

    kind: Literal["mqtt"]
    name: ReceiverName = "mqtt"
    topic: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^+#\x00]+$")]
    qos: Literal[1] = 1
    timeout_ms: Annotated[float, Field(ge=100, le=60_000)] = 5000.0


def _kind(default: str) -> BeforeValidator:
    """Return what gives a section without `kind` the usual one."""
    return BeforeValidator(lambda value: {"kind": default, **value} if isinstance(value, dict) else value)


AnyTrigger = Annotated[TriggerConfig | MqttTriggerConfig, Field(discriminator="kind"), _kind("continuous")]
AnyOutput = Annotated[OutputConfig | WebhookConfig | MqttOutputConfig, Field(discriminator="kind"), _kind("none")]
ReceiverConfig = WebhookConfig | MqttOutputConfig
"""An output that is told from the journal, by the uplink process."""


class PlcConfig(Strict):
    """Where the PLC keeps its registers (docs/formats/plc.md), and how often it is asked.

    `base` is the first of its 40 holding registers, counted from 0; `silence_ms` is how long its heartbeat may stand
    still before the station is not ready.
    """

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    base: Annotated[int, Field(ge=0, le=65_496)] = 0
    poll_ms: Annotated[float, Field(ge=1, le=1000)] = 10.0
    timeout_ms: Annotated[float, Field(ge=10)] = 500.0
    silence_ms: Annotated[float, Field(ge=100)] = 2000.0


_UNDO = (
    "How long a person's answer can be taken back. So long the part waits, never beyond its own deadline; with 0 it "
    "goes on at once."
)


class UiConfig(Strict):
    """Where the operator page listens (port 0 takes a free one), and how it is with people."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8790
    language: Annotated[
        Literal["en", "de"] | None, Field(description="The page's language until a person chooses; else the browser's.")
    ] = None
    undo_s: Annotated[float, Field(ge=0, le=60, description=_UNDO)] = 1.5
    labels: LabelNames = {}


_SECOND = "Share of the parts people decided that is shown to another person later, without the first answer."
_KNOWN = "Known parts (`edge-agent known`) that come up for each part a person decides."


class ChecksConfig(Strict):
    """Questions at the operator page that decide nothing, and show how far people agree and how often they are right.

    They look like parts, come to one person at a time, move no output and are in no count but the report's.
    """

    second_share: Annotated[Share, Field(description=_SECOND)] = 0.0
    second_after_s: Annotated[float, Field(ge=0, description="How much later, at least.")] = 300.0
    known_share: Annotated[Share, Field(description=_KNOWN)] = 0.0


class DelegateConfig(Strict):
    """A vendor's shared library for the runtime (TFLite's external delegate interface), and its options."""

    library: str
    options: dict[str, str] = {}


class RuntimeConfig(Strict):
    """How the model runs. `threads` of the interpreter; the station's own work takes about half a core more.

    With `auto` they are as many as a measurement at the model's installation found best on this device.
    """

    threads: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = 1
    delegate: DelegateConfig | None = None


class StorageConfig(Strict):
    """How much disk the pictures may take, what must stay free, and which share of plain accepts is kept."""

    quota_mb: Annotated[float, Field(gt=0)] = 512.0
    reserve_mb: Annotated[float, Field(ge=0)] = 64.0
    accept_share: Share = 0.01


class UplinkConfig(Strict):
    """How the station reports. A window ends after the baseline's number of parts or after these seconds."""

    window_seconds: Annotated[float, Field(gt=0)] = 60.0
    bytes_per_second: Annotated[int, Field(gt=0)] | None = None


class ProbationConfig(Strict):
    """What a freshly activated model may do wrong before the station goes back by itself."""

    crashes_max: Annotated[int, Field(ge=1)] = 3


class ShiftConfig(Strict):
    """A shift of every day in local time; `to` may be on the next day."""

    name: Annotated[str, StringConstraints(pattern=r"^\S(.{0,38}\S)?$")]
    start: Annotated[ClockTime, Field(alias="from")]
    end: Annotated[ClockTime, Field(alias="to")]

    @model_validator(mode="after")
    def _lasts(self) -> ShiftConfig:
        if self.start == self.end:
            raise ValueError(f"shift {self.name} begins and ends at {self.start}; give it another end")
        return self


RecipeNumber = Annotated[int, Field(ge=1, le=65_535)]
Recipes = dict[RecipeNumber, Identifier]
_RECIPES = (
    "The products that are made here, the PLC's number to the name of the model: `{1: tiles, 2: leather}` "
    "(docs/recipes.md). Without it a station makes one product."
)
_SHIFTS = 'Shifts for reports, in local time; `to` may be on the next day: `{name: early, from: "06:00", to: "14:00"}`'


class StationConfig(Strict):
    """Everything that is set at the station itself. What belongs to the product is in the bundle's recipe."""

    source: str = "synthetic:?seed=1&fps=5"
    trigger: AnyTrigger = TriggerConfig()
    outputs: tuple[AnyOutput, ...] = ()
    plc: PlcConfig | None = None
    ui: UiConfig = UiConfig()
    checks: ChecksConfig = ChecksConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    storage: StorageConfig = StorageConfig()
    uplink: UplinkConfig = UplinkConfig()
    probation: ProbationConfig = ProbationConfig()
    durability: Literal["batched", "strict"] = "batched"
    automation: Automation | None = None
    promotion: PromotionConfig = PromotionConfig()
    sampling: SamplingConfig = SamplingConfig()
    challenge: ChallengeConfig | None = None
    recipes: Annotated[Recipes, Field(description=_RECIPES)] = {}
    pins: str = "pins.json"
    shifts: Annotated[tuple[ShiftConfig, ...], Field(description=_SHIFTS)] = ()

    @model_validator(mode="after")
    def _plc_has_an_address(self) -> StationConfig:
        if self.trigger.kind == "plc" and self.plc is None:
            raise ValueError("trigger.kind is plc, but there is no plc section; give it at least `host`")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> StationConfig:
        for what, names in (
            ("outputs", [output.name for output in self.receivers]),
            ("shifts", [shift.name for shift in self.shifts]),
            ("recipes", list(self.recipes.values())),
        ):
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise ValueError(f"two {what} have the name '{twice}'; give each a `name` of its own")
        return self

    @property
    def model_names(self) -> frozenset[str]:
        """Names of the models of all recipes; empty where the station makes one product."""
        return frozenset(self.recipes.values())

    @property
    def receivers(self) -> tuple[ReceiverConfig, ...]:
        """The outputs that are told from the journal."""
        return tuple(output for output in self.outputs if not isinstance(output, OutputConfig))

    @property
    def speaks_with_the_line(self) -> bool:
        """Whether the uplink process is needed for triggers or outputs, with a fleet or without."""
        return bool(self.receivers) or self.trigger.kind == "mqtt"


def load_config(path: Path) -> StationConfig:
    """Read the station's settings. Raises ConfigError with file, key and remedy."""
    return load_yaml(StationConfig, path)


TEMPLATE = """\
# Settings of this station; every key is described in docs/config.md. What is left out has its default.
source: "{source}"
trigger:
  kind: continuous
outputs: []
ui:
  host: 127.0.0.1
  port: 8790
runtime:
  threads: 1
"""
