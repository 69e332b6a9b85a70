"""What readable pictures show that a person should know of: mixed kinds and sizes, masks that contradict the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from edge_agent.contracts.errors import Rejected

_BRIGHT = 127
_SAME_SHAPE = 0.02
_SHOWN = 3
Size = tuple[int, int]
"""Height and width in pixels."""


def check_mask(brightest: int, mask: Size, picture: Size) -> None:
    """Raise Rejected for a mask that nothing can be read from: one of another shape, or one too dark to mark anything.

    `brightest` is its largest value, 0..255.
    """
    proportions = [height / width for height, width in (mask, picture)]
    if abs(proportions[0] - proportions[1]) > _SAME_SHAPE * proportions[1]:
        raise Rejected(
            f"{mask[1]} x {mask[0]} pixels, of another shape than the picture's {picture[1]} x {picture[0]}; draw it "
            "on the picture"
        )
    if 0 < brightest <= _BRIGHT:
        raise Rejected(
            f"its brightest value is {brightest}, and above {_BRIGHT} marks a defect; make the marked pixels 255"
        )


class Oddities:
    """Counts over all pictures that are used. `stretched`: all are made one size, whatever they were."""

    def __init__(self, good: str, stretched: bool = True) -> None:
        self._good, self._stretched = good, stretched
        self._sizes: Counter[Size] = Counter()
        self._coloured: Counter[bool] = Counter()
        self._marked: Counter[tuple[bool, bool]] = Counter()
        self._labels: dict[str, set[str]] = {}

    def note(self, row: Mapping[str, Any], size: Size, coloured: bool, marked: bool) -> None:
        """Count a picture: its part and label, its size before any change, whether its mask marks anything."""
        self._sizes[size] += 1
        self._coloured[coloured] += 1
        self._marked[(row["label"] == self._good, marked)] += 1
        self._labels.setdefault(row["part"], set()).add(row["label"])

    def said(self) -> list[str]:
        """Return a line for each oddity."""
        return [line for line in (self._of_sizes(), self._of_colours(), *self._of_masks(), self._of_parts()) if line]

    def _of_sizes(self) -> str:
        if len(self._sizes) < 2 or not self._stretched:
            return ""
        shown = ", ".join(
            f"{count} of {width} x {height}" for (height, width), count in self._sizes.most_common(_SHOWN)
        )
        more = " …" if len(self._sizes) > _SHOWN else ""
        return (
            f"pictures come in {len(self._sizes)} sizes ({shown}{more}); made one size, their defects differ in scale, "
            "which network.fit: pad avoids"
        )

    def _of_colours(self) -> str:
        coloured, grey = self._coloured[True], self._coloured[False]
        if not coloured or not grey:
            return ""
        return (
            f"{coloured} pictures are in colour and {grey} are grey; take one kind of camera, or make all of them grey"
        )

    def _of_masks(self) -> list[str]:
        marked, bare = self._marked[(False, True)], self._marked[(False, False)]
        lines = []
        if marked and bare:
            lines.append(
                f"{bare} of {marked + bare} defective pictures have no mask or an empty one; the place of their defect "
                "is learned from the label alone"
            )
        if self._marked[(True, True)]:
            lines.append(
                f"{self._marked[(True, True)]} good pictures have a mask that marks something; correct one of both"
            )
        return lines

    def _of_parts(self) -> str:
        several = sorted(part for part, labels in self._labels.items() if len(labels - {self._good}) > 1)
        if not several:
            return ""
        shown = ", ".join(several[:_SHOWN]) + (" …" if len(several) > _SHOWN else "")
        return (
            f"{len(several)} parts have pictures with several kinds of defect ({shown}); the first counts for the part"
        )
