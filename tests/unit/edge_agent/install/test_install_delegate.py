"""A delegate by option: a real shared library, compiled here, that the runtime loads and asks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge_agent.config import DelegateConfig, RuntimeConfig, StationConfig
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import ConfigError
from edge_agent.home import Home
from edge_agent.inference.champion import load_model
from edge_agent.inference.delegate import Delegate, delegate_from, load
from edge_agent.install.selftest import run_selftest
from edge_agent.install.tuning import delegate_of, measure
from tests.conftest import program
from tests.simulators.line import TINY, LineRig, install

SOURCE = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef struct Delegate {  /* TfLiteDelegate of tensorflow/lite/core/c/common.h */
  void *data;
  int (*prepare)(void *, struct Delegate *);
  void *from, *to, *release;
  int64_t flags;
  void *builder;
} Delegate;
static int prepare(void *context, Delegate *delegate) {
  FILE *file = fopen((char *)delegate->data, "a");
  if (file == NULL) return 1;
  fputs("asked\n", file);
  fclose(file);
  return 0;  /* takes over nothing */
}
Delegate *tflite_plugin_create_delegate(const char **keys, const char **values, size_t n, void (*say)(const char *)) {
  if (n != 1 || strcmp(keys[0], "diary") != 0) { say("expected the option diary"); return NULL; }
  Delegate *made = calloc(1, sizeof(Delegate));
  made->data = strdup(values[0]);
  made->prepare = prepare;
  return made;
}
void tflite_plugin_destroy_delegate(Delegate *delegate) {
  if (delegate == NULL) return;
  free(delegate->data);
  free(delegate);
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delegate that writes into its diary when the runtime asks it, and takes over nothing."""
    folder = tmp_path_factory.mktemp("delegate")
    (folder / "delegate.c").write_text(SOURCE)
    made = folder / "libdelegate.so"
    command = [program("gcc", "cc"), "-shared", "-fPIC", "-o", str(made), str(folder / "delegate.c")]
    subprocess.run(command, check=True, capture_output=True)
    return made


def test_the_line_asks_the_delegate_that_the_settings_name(tmp_path: Path, library: Path) -> None:
    diary = tmp_path / "diary"
    chosen = DelegateConfig(library=str(library), options={"diary": str(diary)})
    install(Home(tmp_path), TINY)
    with LineRig(tmp_path, None, StationConfig(runtime=RuntimeConfig(delegate=chosen))) as rig:
        assert rig.hot.champion.active is not None
    assert "asked" in diary.read_text()


def test_self_test_and_measurement_run_with_it(tmp_path: Path, library: Path) -> None:
    delegate = Delegate(str(library), {"diary": str(tmp_path / "diary")})
    assert run_selftest(BundleFolder(TINY), "generic", delegate=delegate).ok
    asked = (tmp_path / "diary").read_text().count("asked")
    assert measure(BundleFolder(TINY), "generic", 1, delegate) is not None
    assert (tmp_path / "diary").read_text().count("asked") > asked > 0


@pytest.mark.parametrize(
    ("options", "said"), [({}, "expected the option diary"), ({"diry": "x"}, "expected the option diary")]
)
def test_what_the_library_says_is_handed_on(library: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_model(BundleFolder(TINY), "generic", 1, delegate=Delegate(str(library), options))


def test_a_library_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"cannot load the delegate /nowhere\.so"):
        load_model(BundleFolder(TINY), "generic", 1, delegate=Delegate("/nowhere.so"))
    tried = run_selftest(BundleFolder(TINY), "generic", delegate=Delegate("/nowhere.so"))
    assert not tried.ok
    assert "/nowhere.so" in tried.reason


def test_a_runtime_without_delegates_says_so() -> None:
    with pytest.raises(ConfigError, match="knows no delegates"):
        load(Delegate("/any.so"), object(), "some-runtime 1.0")


def test_it_travels_to_the_child_as_it_is() -> None:
    made = Delegate("/a b.so", {"x": "1"})
    assert delegate_from(made.text()) == made
    assert delegate_from(None) is None
    assert delegate_of(RuntimeConfig()) is None
