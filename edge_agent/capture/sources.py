"""From a source's URL to the source."""

from __future__ import annotations

from edge_agent.capture.address import parse_address
from edge_agent.capture.frame import Source
from edge_agent.clock import SYSTEM, Clock


def make_source(url: str, clock: Clock = SYSTEM) -> Source:
    """Return the source of a URL, not opened yet. Raises ConfigError for a URL that is none."""
    address = parse_address(url)
    if address.scheme == "folder":
        from edge_agent.capture.folder import FolderSource

        return FolderSource(address, clock)
    if address.scheme == "synthetic":
        from edge_agent.capture.synthetic import SyntheticSource

        return SyntheticSource(address, clock)
    if address.scheme in ("http", "https"):
        from edge_agent.capture.motion_jpeg import MotionJpegSource

        return MotionJpegSource(address, clock)
    from edge_agent.capture.opencv import VideoSource

    return VideoSource(address, clock)
