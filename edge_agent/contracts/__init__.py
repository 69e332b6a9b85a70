"""What crosses a boundary between the packages, the devices and the cloud.

The device is the least capable consumer, so the contracts live with it. This is the lowest layer: standard
library, NumPy and pydantic; `preprocess` and `quality` add OpenCV, `strict` adds YAML, `command` adds click
(see docs/adr/001-where-contracts-live.md). Nothing here imports the rest of `edge_agent`.
"""
