"""What an HTTP answer of the fleet means to those who ask."""

import pytest

from edge_agent.contracts.answers import error_of
from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, ConfigError), (403, ConfigError), (404, Rejected), (409, Rejected), (422, Rejected), (503, Unavailable)],
)
def test_the_status_says_who_must_act(status, kind):
    found = error_of(status, b'{"error": "no such model"}', "/api/v1/models")
    assert (type(found), str(found)) == (kind, "no such model")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"{}", b"\xff\xfe", b"7"])
def test_a_body_of_another_form_names_path_and_status(body):
    assert str(error_of(502, body, "/api/v1/models")) == "/api/v1/models: HTTP 502"
