"""Starts one module of the house as a process of its own, whatever lies in the folder where that happens.

`python -m NAME` looks for modules in the working directory first, so that a person's folder `fleet` or `trainer` would
hide the package of that name. Here the child looks where it would anyway, and last where its parent came from.
"""

from __future__ import annotations

import sys
from pathlib import Path


def python_program(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """Return the command line that runs `module` as `__main__`; Python 3.10 to 3.13 (`-P` came with 3.11)."""
    return [python, __file__, module, *arguments]


def main() -> None:
    """Run the module that the first argument names, with the arguments that follow it."""
    here = Path(__file__).resolve().parent
    # Python puts a script's own folder first; the modules in it are no top-level ones.
    sys.path[:1] = [] if sys.path[:1] and Path(sys.path[0]).resolve() == here else sys.path[:1]
    root = str(here.parents[1])
    if root not in sys.path:
        sys.path.append(root)
    import runpy

    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
