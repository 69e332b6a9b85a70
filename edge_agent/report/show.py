"""Numbers and times as people read them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.report.period import Period, local, rfc3339


@dataclass(frozen=True)
class Show:
    """Numbers and times as people read them in a language."""

    language: str

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return a number with this many decimals, a dash for None."""
        if value is None:
            return "–"
        text = f"{value:,.{digits}f}"
        return text.translate(str.maketrans(",.", ".,")) if self.language == "de" else text

    def percent(self, share: float | None) -> str:
        """Return a share of 0..1 in percent."""
        return "–" if share is None else f"{self.number(share * 100, 1)} %"

    def milliseconds(self, value: float | None) -> str:
        """Return a latency."""
        return "–" if value is None else f"{self.number(value, 1)} ms"

    def span(self, milliseconds: int) -> str:
        """Return a length of time by its two largest units.

        >>> Show("en").span(3_725_000)
        '1 h 2 min'
        """
        seconds = round(milliseconds / 1000)
        if seconds >= 86_400:
            return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"
        if seconds >= 3600:
            return f"{seconds // 3600} h {seconds % 3600 // 60} min"
        return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"

    def time(self, at_ms: int) -> str:
        """Return date and time of day on the station's clock."""
        return f"{local(at_ms):%Y-%m-%d %H:%M}"

    def exact(self, at_ms: int | None) -> str:
        """Return date and time of day to the millisecond."""
        return "–" if at_ms is None else local(at_ms).isoformat(" ", "milliseconds")

    def period(self, period: Period) -> str:
        """Return from when until when; the date of the end only where it is another one."""
        start, end = local(period.from_ms), local(period.to_ms)
        form = "%H:%M" if start.date() == end.date() else "%Y-%m-%d %H:%M"
        return f"{start:%Y-%m-%d %H:%M} – {end.strftime(form)}"

    def field(self, at_ms: int) -> str:
        """Return a moment as an HTML date and time field holds it."""
        return f"{local(at_ms):%Y-%m-%dT%H:%M}"

    def utc(self, at_ms: int) -> str:
        """Return a moment in RFC 3339."""
        return rfc3339(at_ms)
