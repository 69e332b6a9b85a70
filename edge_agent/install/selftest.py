"""The golden test: does this device compute what was computed where the model was made?

The first load of an unknown model happens in a child process, so that a graph that crashes the runtime crashes
nobody else. `python -m edge_agent.install.selftest --bundle DIR [--variant ID] [--threads N]` prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.bundle import BundleFolder, GoldenCase, Manifest, Variant
from edge_agent.contracts.errors import LinesideError, Rejected
from edge_agent.contracts.program import python_program
from edge_agent.inference.delegate import Delegate, delegate_from

FAILED = 3
TIMEOUT_S = 120.0
_NAMED = 3


@dataclass(frozen=True)
class CaseResult:
    """One golden picture: the largest difference of a class probability, infinite where it is no number."""

    name: str
    max_diff: float
    ok: bool


@dataclass(frozen=True)
class SelfTestResult:
    """What the self-test found; `reason` says what is wrong, with the difference per picture."""

    ok: bool
    reason: str = ""
    runtime: str = ""
    cases: tuple[CaseResult, ...] = ()


def run_selftest(
    bundle: BundleFolder,
    device_class: str,
    threads: int = 1,
    timeout_s: float = TIMEOUT_S,
    delegate: Delegate | None = None,
) -> SelfTestResult:
    """Run the golden cases of the variant for `device_class` in a child process. Never raises for a bad model."""
    try:
        variant = bundle.open().variant_for(device_class).id
        options = ["--bundle", str(bundle.folder.absolute()), "--variant", variant, "--threads", str(threads)]
        options += ["--delegate", delegate.text()] if delegate is not None else []
        command = python_program("edge_agent.install.selftest", *options)
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return SelfTestResult(False, f"the self-test did not end within {timeout_s:g} s")
    except (Rejected, OSError) as error:
        return SelfTestResult(False, f"the self-test could not run: {error}")
    if done.returncode < 0:
        return SelfTestResult(False, f"the model crashed the runtime (signal {-done.returncode})")
    return _read(done.stdout, done.returncode, done.stderr)


def _read(output: bytes, code: int, errors: bytes) -> SelfTestResult:
    try:
        answer = json.loads(output.splitlines()[-1])
        cases = tuple(
            CaseResult(c["name"], math.inf if c["max_diff"] is None else float(c["max_diff"]), bool(c["ok"]))
            for c in answer["cases"]
        )
        return SelfTestResult(bool(answer["ok"]) and code == 0, answer["reason"], answer["runtime"], cases)
    except (IndexError, ValueError, KeyError, TypeError):
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        return SelfTestResult(False, f"the self-test ended with code {code} and no answer {last}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the child; returns the exit code, 0 or 3."""
    parser = argparse.ArgumentParser(prog="python -m edge_agent.install.selftest", description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--variant")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--delegate", type=delegate_from)
    options = parser.parse_args(arguments)
    try:
        answer = _answer(BundleFolder(options.bundle), options.variant, options.threads, options.delegate)
    except (LinesideError, ValueError, RuntimeError, OSError) as error:
        answer = {"ok": False, "reason": " ".join(str(error).split()), "runtime": "", "cases": []}
    sys.stdout.write(json.dumps(answer, sort_keys=True) + "\n")
    return 0 if answer["ok"] else FAILED


def _answer(bundle: BundleFolder, wanted: str | None, threads: int, delegate: Delegate | None) -> dict[str, Any]:
    from edge_agent.inference.interpreter import Interpreter

    manifest = bundle.open()
    variant = next((v for v in manifest.variants if v.id == (wanted or manifest.chosen)), None)
    if variant is None:
        raise Rejected(f"the bundle has no variant '{wanted}'; it has {', '.join(v.id for v in manifest.variants)}")
    cases = [case for case in manifest.golden.cases if variant.id in case.expected]
    if not cases:
        raise Rejected(f"the bundle has no golden case for variant '{variant.id}'; nothing proves it here")
    interpreter = Interpreter(bundle.read(variant.blob), threads, delegate)
    results = [_judge(bundle, manifest, variant, case, interpreter) for case in cases]
    bad = [result for result in results if not result.ok]
    return {
        "ok": not bad,
        "reason": _reason(bad, len(results), manifest.golden.tolerance),
        "runtime": str(interpreter.runtime),
        "cases": [{"name": r.name, "max_diff": _finite(r.max_diff), "ok": r.ok} for r in results],
    }


def _judge(
    bundle: BundleFolder, manifest: Manifest, variant: Variant, case: GoldenCase, interpreter: Any
) -> CaseResult:
    import numpy as np

    from edge_agent.contracts.golden import golden_input
    from edge_agent.contracts.scores import probabilities

    logits = interpreter.run(golden_input(bundle.read(case.picture), manifest)).logits
    found, expected = probabilities(logits, variant.temperature), np.asarray(case.expected[variant.id])
    if found.shape != expected.shape:
        raise Rejected(f"golden case '{case.name}': {found.size} classes computed, {expected.size} expected")
    difference = float(np.max(np.abs(found - expected)))
    difference = difference if math.isfinite(difference) else math.inf
    return CaseResult(case.name, difference, difference <= manifest.golden.tolerance)


def _reason(bad: list[CaseResult], count: int, tolerance: float) -> str:
    if not bad:
        return ""
    worst = sorted(bad, key=lambda result: -result.max_diff)[:_NAMED]
    named = ", ".join(f"{result.name} by {result.max_diff:.3f}" for result in worst)
    return f"golden test: {len(bad)} of {count} pictures differ by more than {tolerance:g}: {named}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


if __name__ == "__main__":
    sys.exit(main())
