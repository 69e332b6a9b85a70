"""The reference pages are written from the code; here it is seen that they are not behind it."""

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def test_every_command_and_setting_is_documented_as_it_is():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "scripts/document_pages.py", "--check"],
        cwd=TOP,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "110"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_message_channel_and_event_is_in_the_formats():
    from edge_agent.contracts.events import EventData
    from edge_agent.contracts.topics import Channel

    page = (TOP / "docs" / "formats" / "messages.md").read_text()
    kinds = [model.model_fields["kind"].default for model in EventData.__args__[0].__args__]
    assert [channel.value for channel in Channel if f"`{channel.value}`" not in page] == []
    assert [kind for kind in kinds if f"`{kind}`" not in page] == []
