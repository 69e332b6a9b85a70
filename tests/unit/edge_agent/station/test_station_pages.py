"""The page's files: small, closed against foreign scripts, the same in all languages; and the listening socket."""

import json
import re
from importlib.resources import files
from uuid import uuid4

import pytest

from edge_agent.channel import LocalChannel
from edge_agent.config import UiConfig
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.home import Home
from edge_agent.station.pages import LANGUAGES, accepted_language, check_languages
from edge_agent.station.port import address
from edge_agent.station.server import listen, main

STATIC = files("edge_agent.station").joinpath("static")
SCRIPTS = [path for path in STATIC.iterdir() if path.name.endswith(".js")]


def texts():
    return {lang: json.loads(STATIC.joinpath(f"{lang}.json").read_text(encoding="utf-8")) for lang in LANGUAGES}


def test_all_languages_say_the_same_things():
    check_languages(texts())
    with pytest.raises(Rejected, match="de: no text for more"):
        check_languages({"en": {"a": "", "more": ""}, "de": {"a": ""}})


def test_placeholders_are_the_same_in_all_languages():
    names = {
        lang: {key: set(re.findall(r"\{\w+\}", text)) for key, text in table.items()} for lang, table in texts().items()
    }
    assert names["en"] == names["de"]


@pytest.mark.parametrize(
    ("header", "language"),
    [("de-AT,en;q=0.5", "de"), ("fr-CH, de;q=0.7, en;q=0.8", "en"), ("de;q=0", "en"), ("", "en"), ("de;q=x, *", "en")],
)
def test_the_browser_s_best_known_language_is_spoken(desk, header, language):
    assert accepted_language(header) == language
    page = desk.browser().get("/", headers={"Accept-Language": header}).text
    assert f'<html lang="{language}"' in page


def test_every_text_that_the_page_asks_for_exists(desk):
    page = desk.browser().get("/").text
    asked = set(re.findall(r'data-t="(\w+)"', page))
    for script in SCRIPTS:
        asked |= set(re.findall(r'\bt\(\s*"([\w-]+)"', script.read_text(encoding="utf-8")))
    assert asked
    assert asked <= set(texts()["en"])


def test_first_load_is_small_and_needs_no_other_host(desk):
    browser = desk.browser()
    page = browser.get("/")
    size = len(page.content)
    for path in STATIC.iterdir():
        answer = browser.get(f"/static/{path.name}")
        assert answer.status_code == 200
        size += len(answer.content)
        foreign = set(re.findall(r"https?://[\w.]+", answer.text)) - {"http://www.w3.org"}
        assert not foreign, f"{path.name} names {foreign}"
    assert size <= 150_000, size


def test_no_script_or_style_stands_inside_the_page(desk):
    page = desk.browser().get("/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page.text)
    assert page.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("name", ["../pins.py", "..%2Fserver.py", "nothing.js", "%2e%2e%2fserver.py"])
def test_no_other_file_is_served(desk, name):
    assert desk.browser().get(f"/static/{name}").status_code == 404


def test_a_port_in_use_is_one_clear_line(tmp_path):
    taken = listen(UiConfig(port=0))
    port = taken.getsockname()[1]
    home = Home(tmp_path)
    home.config.write_text(f"ui: {{port: {port}}}\n")
    with pytest.raises(
        ConfigError, match=rf"127\.0\.0\.1:{port} \(Address already in use\); stop what runs there"
    ) as error:
        main(home, uuid4(), LocalChannel())
    assert "\n" not in str(error.value)
    taken.close()


def test_the_address_is_one_that_can_be_typed():
    with listen(UiConfig(host="0.0.0.0", port=0)) as listener:
        assert address(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}/"
