"""In which order files of tests are handed out, where several processes run them."""

from __future__ import annotations

from xdist.scheduler.loadfile import LoadFileScheduling
from xdist.workermanage import WorkerController


class InOrder(LoadFileScheduling):
    """Hands files out in the order in which they were collected.

    xdist begins with those of many tests and leaves those of few to the end; these are the long ones here, and while
    the last of them runs the other processes have nothing to do.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        assert self.collection is not None
        for test in self.collection:
            file = self._split_scope(test)
            if file in self.workqueue:
                self.workqueue.move_to_end(file, last=False)
                break
        super()._assign_work_unit(node)
