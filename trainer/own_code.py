"""The user's own code: a Python file with any of `preprocessing_fn`, `build_model` and `metrics` (docs/own-code.md).

What goes wrong in it is told in one line, with the file and the line of it that went wrong.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from edge_agent.contracts.errors import LinesideError, Rejected
from trainer.pipeline.closure import import_folders, import_name

PREPROCESSING, BUILD_MODEL, METRICS = "preprocessing_fn", "build_model", "metrics"
FUNCTIONS = (PREPROCESSING, BUILD_MODEL, METRICS)
OWN_CODE = "own"
"""What `network.backbone` says where the file's `build_model` makes the network for pictures."""
_NAME = "lineside_own_code"
_HEADING = 40
_BOLD = re.compile("\x1b\\[1m(.*?)\x1b\\[0m", re.DOTALL)


class OwnCode:
    """The functions of one file; an empty `path` has none."""

    def __init__(self, path: str) -> None:
        self.path = Path(path) if path else None
        self._module = _load(self.path) if self.path else None

    @property
    def functions(self) -> tuple[str, ...]:
        """Which of the functions the file has."""
        return tuple(name for name in FUNCTIONS if getattr(self._module, name, None) is not None)

    def takes(self, name: str) -> int:
        """Return whether a function that the file has takes an argument: 1, else 0."""
        try:
            inspect.signature(getattr(self._module, name)).bind(0)
        except (TypeError, ValueError):
            return 0
        return 1

    def function(self, name: str, arguments: int) -> Callable[..., Any] | None:
        """Return a function that takes that many arguments, or None where the file has none of that name.

        Calling it raises Rejected, naming file and line, for whatever goes wrong in it. Raises Rejected for something
        else than a function and for another number of arguments.
        """
        found = getattr(self._module, name, None)
        if found is None or self.path is None:
            return None
        path = self.path
        if not callable(found):
            raise Rejected(f"{path}: '{name}' is {type(found).__name__}, expected a function; see docs/own-code.md")
        try:
            inspect.signature(found).bind(*range(arguments))
        except TypeError as error:
            raise Rejected(f"{path}: {name}{inspect.signature(found)}: {error}; it is given {arguments}") from error

        def called(*values: Any) -> Any:
            with _importing(path), told(path, name):
                return found(*values)

        return called


def _load(path: Path) -> ModuleType:
    """Run the file as a module; its neighbours and, in a package, its siblings can be imported from it."""
    if not path.is_file():
        raise Rejected(f"{path}: there is no such file; correct pipeline.module in the recipe")
    _, name = import_name(path)
    spec = importlib.util.spec_from_file_location(name if "." in name else _NAME, path)
    if spec is None or spec.loader is None:
        raise Rejected(f"{path}: no Python file; correct pipeline.module in the recipe")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the names that annotations have
    with _importing(path), told(path, "import"):
        spec.loader.exec_module(module)
    if not any(hasattr(module, name) for name in FUNCTIONS):
        raise Rejected(f"{path}: none of the functions {', '.join(FUNCTIONS)} is in it; see docs/own-code.md")
    return module


@contextmanager
def _importing(path: Path) -> Iterator[None]:
    """Let the file import what lies near it, when it is loaded and when one of its functions is called."""
    before = list(sys.path)
    sys.path[:0] = map(str, import_folders(path))
    try:
        yield
    finally:
        sys.path[:] = before


def check_logits(answers: Any) -> None:
    """Raise Rejected where what `build_model` calls logits (rows, classes) are probabilities already."""
    rows = np.asarray(answers)
    if rows.shape[-1] > 1 and (rows >= 0).all() and np.allclose(rows.sum(-1), 1.0, atol=1e-4):
        raise Rejected(f"{BUILD_MODEL}: the logits sum to one, as probabilities do; leave the softmax out")


@contextmanager
def told(path: Path, doing: str) -> Iterator[None]:
    """Turn any error of the user's code into a Rejected with its place."""
    try:
        yield
    except LinesideError:
        raise
    except (Exception, SystemExit) as error:
        raise Rejected(f"{_place(path, error)}: {doing}: {type(error).__name__}: {_message(error)}") from error


def _place(path: Path, error: BaseException) -> str:
    """Return `file:line` of the innermost call in the user's file or beside it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    own = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == path.parent]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else str(path)


def _message(error: BaseException) -> str:
    """Return the error's own words in one line: TensorFlow puts whole stacks before them, Keras paragraphs around."""
    bold = _BOLD.search(str(error))
    lines = [line.strip() for line in (bold.group(1) if bold else str(error)).splitlines() if line.strip()]
    if len(lines) < 4:
        return " ".join(lines)[-400:]
    heading = lines[0].endswith(":") and len(lines[0]) < _HEADING
    return lines[-1][-400:] if heading else lines[0][:400]
