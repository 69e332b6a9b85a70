"""The code a step consists of: its module and everything of Lineside that it imports, found without running it.

The files are read as syntax trees, so that the cache check neither imports TensorFlow nor runs anything. A user's own
module is followed in the same way: its file, what it imports from beside itself, and what it imports of Lineside.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from edge_agent.contracts.errors import ConfigError

PACKAGES = ("trainer", "converter", "edge_agent")
HOME = Path(__file__).resolve().parents[2]

_DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
    "google": "protobuf",
    "ai_edge_litert": "ai-edge-litert",
    "apache_beam": "apache-beam",
    "tf_keras": "tf-keras",
    "ml_metadata": "ml-metadata",
    "tensorflow_data_validation": "tensorflow-data-validation",
    "tensorflow_metadata": "tensorflow-metadata",
    "tensorflow_model_analysis": "tensorflow-model-analysis",
    "tensorflow_transform": "tensorflow-transform",
    "tfx_bsl": "tfx-bsl",
}
# What only shows things or moves bytes about does not change a result.
_WITHOUT_EFFECT = frozenset({"click", "rich", "httpx", "jinja2", "typing_extensions"})


@dataclass(frozen=True)
class Closure:
    """`files` maps a path relative to the packages' home to the SHA-256 of its content; `libraries` maps a
    distribution to its installed version ("" where it is not installed). A user's own file is called `own:` and its
    path relative to the folder from which it is imported; where that folder lies is nowhere in it."""

    files: dict[str, str]
    libraries: dict[str, str]


class Imports:
    """What the files of `packages` below `home` import, remembered by their content in the file `path`.

    Reading the syntax trees is what takes time. Steps that are planned beside each other read one at a time: before
    Python 3.11.8 two threads in `ast.parse` spoil each other's count of levels (python/cpython#106905).
    """

    def __init__(self, path: Path | None = None, home: Path = HOME, packages: tuple[str, ...] = PACKAGES) -> None:
        self.home, self.packages = home, packages
        self._path = path
        self._known: dict[str, list[str]] = {}
        self._grown = False
        self._reading = threading.Lock()
        if path is not None and path.is_file():
            with suppress(ValueError):
                self._known = json.loads(path.read_text(encoding="utf-8"))

    def of(self, data: bytes, digest: str, module: str, is_package: bool) -> list[str]:
        """Return the modules that the source text `data` of `module` imports anywhere."""
        key = f"{digest}/{module}/{is_package:d}"
        with self._reading:
            if key not in self._known:
                self._known[key] = sorted(set(_imported(ast.parse(data, module), module, is_package)))
                self._grown = True
            return self._known[key]

    def save(self) -> None:
        """Write what is known, if it is more than before; where that cannot be done, it is found again."""
        if self._path is not None and self._grown:
            unfinished = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
            try:
                unfinished.write_text(json.dumps(self._known), encoding="utf-8")
                unfinished.replace(self._path)
            except OSError:
                unfinished.unlink(missing_ok=True)


def code_closure(modules: Iterable[str], imports: Imports | None = None, own_files: Sequence[Path] = ()) -> Closure:
    """Follow the imports of `modules` within Lineside's packages, functions' own imports included.

    `own_files` are Python files of a user, outside the packages; they are followed into what lies beside them, into
    Lineside's packages, and no further. Raises ConfigError for one that is missing or is no Python.
    """
    imports = imports or Imports()
    homes, waiting = _begin(imports.home, modules, own_files)
    files: dict[str, str] = {}
    libraries: set[str] = set()
    seen: set[tuple[int, str]] = set()
    while waiting:
        place, asked = waiting.pop()
        for name in _with_parents(asked):
            path = None if (place, name) in seen else _file_of(name, homes[place])
            seen.add((place, name))
            if path is None:
                continue
            data = path.read_bytes()
            digest = files[_called(path, place, homes[place])] = hashlib.sha256(data).hexdigest()
            for module in _read(imports, path, data, digest, name):
                target = _place_of(module, place, homes, imports)
                if target is None:
                    libraries.add(module.split(".")[0])
                else:
                    waiting.append((target, module))
    return Closure(dict(sorted(files.items())), _versions(libraries))


def _begin(home: Path, modules: Iterable[str], own_files: Sequence[Path]) -> tuple[list[Path], list[tuple[int, str]]]:
    """Return the folders that modules are looked for in, Lineside's home first, and the modules to begin with."""
    homes, waiting = [home], [(0, module) for module in modules]
    for file in own_files:
        folder, module = import_name(file)
        homes += [one for one in import_folders(file) if one not in homes[1:]]
        waiting.append((homes.index(folder, 1), module))
    return homes, waiting


def import_name(file: Path) -> tuple[Path, str]:
    """Return from which folder a Python file is imported, and as which module: packages around it belong to the name.

    Raises ConfigError where there is no such file.
    """
    if file.suffix != ".py" or not file.is_file():
        raise ConfigError(f"{file}: no such Python file; name the .py file of your own module")
    found = file.resolve()
    levels, folder = [found.stem], found.parent
    while (folder / "__init__.py").is_file():
        levels.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(levels)


def import_folders(file: Path) -> list[Path]:
    """Return where a user's file may import from: the folder above its packages, and that in which it lies.

    Raises ConfigError as `import_name` does.
    """
    return list(dict.fromkeys([import_name(file)[0], file.resolve().parent]))


def _called(path: Path, place: int, home: Path) -> str:
    name = str(path.relative_to(home))
    return name if place == 0 else f"own{'' if place == 1 else place}:{name}"


def _read(imports: Imports, path: Path, data: bytes, digest: str, module: str) -> list[str]:
    try:
        return imports.of(data, digest, module, path.name == "__init__.py")
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{path}: not Python ({error}); correct it") from error


def _place_of(module: str, place: int, homes: Sequence[Path], imports: Imports) -> int | None:
    """Return in which folder an import is looked for: Lineside's, else near an own file; None for a library."""
    top = module.split(".")[0]
    if top in imports.packages:
        return 0
    near = [place, *(other for other in range(1, len(homes)) if other != place)] if place and top else []
    return next((one for one in near if _file_of(top, homes[one]) or (homes[one] / top).is_dir()), None)


def _with_parents(module: str) -> Iterator[str]:
    levels = module.split(".")
    return (".".join(levels[: n + 1]) for n in range(len(levels)))


def _file_of(module: str, home: Path) -> Path | None:
    base = home.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Yield what is imported anywhere; `from a import b` gives both a and a.b, for b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    levels = module.split(".")
    kept = levels[: len(levels) - node.level + (1 if is_package else 0)]
    return ".".join([*kept, node.module] if node.module else kept)


def _versions(modules: Iterable[str]) -> dict[str, str]:
    outside = {m for m in modules if m and m not in sys.stdlib_module_names and m not in _WITHOUT_EFFECT}
    return {name: _version(name) for name in sorted({_DISTRIBUTIONS.get(m, m) for m in outside})}


@lru_cache(maxsize=256)
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
