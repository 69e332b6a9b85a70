"""PINs: the file, the checks, the command, sessions and lockout."""

import json
import stat
from dataclasses import replace

import pytest
from click.testing import CliRunner

from edge_agent.contracts.errors import ConfigError
from edge_agent.station.pinbook import PinBook, Role
from edge_agent.station.pins import pin as command
from edge_agent.station.sessions import Lockout, Session, request_token, seal, token_matches, unseal

SECRET = b"k" * 32
SESSION = Session("Anna", "f" * 16, "boot-1", 100.0, "n")


@pytest.fixture
def book(tmp_path):
    return PinBook(tmp_path / "pins.json")


def test_only_the_right_pin_of_the_right_person_opens(book):
    assert book.add("Anna", "2468", Role.OPERATOR)
    book.add("Ben", "1357", Role.SUPERVISOR)
    assert book.check("Anna", "2468").role is Role.OPERATOR
    assert [book.check(*wrong) for wrong in (("Anna", "1357"), ("Ben", "2468"), ("Carl", "2468"), ("Anna", ""))] == [
        None
    ] * 4


def test_the_file_is_private_and_holds_no_pin(book):
    book.add("Anna", "86421357", Role.OPERATOR)
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600
    assert "86421357" not in book.path.read_text()


def test_what_another_process_changes_holds_at_once(book):
    other = PinBook(book.path)
    book.add("Anna", "2468", Role.OPERATOR)
    before = other.entries()["Anna"]
    assert not book.add("anna", "1111", Role.OPERATOR), "the same person in another spelling"
    assert other.entries()["Anna"].fingerprint != before.fingerprint
    book.remove("Anna")
    assert other.entries() == {}


def test_the_signing_key_outlives_a_restart(book):
    book.add("Anna", "2468", Role.OPERATOR)
    assert PinBook(book.path).secret == book.secret


@pytest.mark.parametrize("bad", ["123", "12a4", "1234567890123", ""])
def test_a_pin_is_four_to_twelve_digits(book, bad):
    with pytest.raises(ConfigError, match="4 to 12 digits"):
        book.add("Anna", bad, Role.OPERATOR)


@pytest.mark.parametrize("bad", ["", "  ", "<script>", "a\nb\x00", "x" * 41])
def test_names_are_names(book, bad):
    with pytest.raises(ConfigError, match="name"):
        book.add(bad, "2468", Role.OPERATOR)


def test_a_damaged_file_is_named(book):
    book.path.write_text("{")
    with pytest.raises(ConfigError, match=r"pins\.json"):
        book.entries()


def run(*arguments, **more):
    return CliRunner().invoke(command, arguments, catch_exceptions=True, **more)


def test_the_command_adds_lists_and_removes(tmp_path):
    home = ("--home", str(tmp_path))
    added = run("add", "Anna", "--role", "supervisor", *home, "--json", input="2468\n2468\n")
    assert json.loads(added.output.splitlines()[-1]) == {"added": True, "name": "Anna", "role": "supervisor"}
    assert PinBook(tmp_path / "pins.json").check("Anna", "2468")
    assert "2468" not in added.output
    assert run("list", *home).output == "Anna: supervisor\n"
    assert run("remove", "Anna", *home).output == "Anna removed\n"
    assert "nobody yet" in run("list", *home).output


def test_the_command_says_what_is_wrong(tmp_path):
    assert "no such folder" in str(run("list", "--home", str(tmp_path / "none")).exception)
    assert "no operator 'Eva'; known: nobody yet" in str(run("remove", "Eva", "--home", str(tmp_path)).exception)


def test_a_session_comes_back_as_it_was():
    assert unseal(seal(SESSION, SECRET), SECRET, "boot-1", 99.0) == SESSION


def test_forged_old_and_foreign_sessions_are_nobody():
    cookie = seal(SESSION, SECRET)
    body, signature = cookie.split(".")
    other = seal(replace(SESSION, name="Ben"), SECRET).split(".")[0]
    for forged in ("", ".", "x.y", f"{other}.{signature}", f"{body}.{signature[:-2]}xx", body, "ü.ü"):
        assert unseal(forged, SECRET, "boot-1", 1.0) is None
    assert unseal(cookie, b"x" * 32, "boot-1", 1.0) is None
    assert unseal(cookie, SECRET, "boot-2", 1.0) is None
    assert unseal(cookie, SECRET, "boot-1", 100.0) is None


def test_a_request_token_belongs_to_one_session():
    cookie, other = seal(SESSION, SECRET), seal(replace(SESSION, nonce="m"), SECRET)
    assert token_matches(request_token(cookie, SECRET), cookie, SECRET)
    assert not token_matches(request_token(other, SECRET), cookie, SECRET)
    assert not token_matches("", cookie, SECRET)


def test_the_lockout_doubles_up_to_its_longest_and_is_forgotten_by_success():
    lock = Lockout()
    assert [lock.failed("Anna", 0.0) for _ in range(4)] == [4, 3, 2, 1]
    assert lock.wait_s("Anna", 0.0) == 0
    waits = []
    for _ in range(8):
        lock.failed("Anna", 0.0)
        waits.append(lock.wait_s("Anna", 0.0))
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert lock.wait_s("Anna", 890.0) == 10
    assert lock.wait_s("Ben", 0.0) == 0
    lock.clear("Anna")
    assert lock.wait_s("Anna", 0.0) == 0
    assert lock.failed("Anna", 0.0) == 4
