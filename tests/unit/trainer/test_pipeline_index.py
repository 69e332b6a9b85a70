import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.index import FILE, Entry, Index
from trainer.pipeline.key import Parts

PAGE = 4096


def _filled(root):
    index = Index(root)
    parts = Parts("m:f", {}, {}, {}, {f"file{n}.py": "d" * 64 for n in range(100)}, {})
    for number in range(40):
        index.add(f"key{number}", Entry("Step", parts, {}, "run", 1.0, number))
    index.close()
    return root / FILE


@pytest.mark.parametrize("first", [0, 1], ids=["its head", "its middle"])
def test_a_damaged_file_is_said_in_a_line_and_how_to_go_on_without_it(tmp_path, first):
    path = _filled(tmp_path)
    content = bytearray(path.read_bytes())
    content[first * PAGE + 100 :] = b"\x5a" * (len(content) - first * PAGE - 100)
    if first == 0:
        content[:100] = b"\x5a" * 100
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"index.sqlite is damaged .* move it away with index.sqlite-wal"):
        Index(tmp_path).entries()
    for left in tmp_path.glob(f"{FILE}*"):
        left.unlink()
    index = Index(tmp_path)
    assert index.entries() == {}
    index.close()


def test_the_latest_is_what_was_added_last_though_the_clock_was_set_back(tmp_path):
    index = Index(tmp_path)
    for key, created in (("before", 2_000_000), ("after", 1_000)):
        index.add(key, Entry("Step", Parts(key, {}, {}, {}, {}, {}), {}, "run", 1.0, created))
    assert index.latest("Step").parts.function == "after"
    assert list(index.entries()) == ["before", "after"]
    assert [entry.parts.function for entry in index.of_step("Step")] == ["before", "after"]
    index.close()
