"""What the station answers when it does not do what was asked."""

from __future__ import annotations

from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected, Unavailable


class Refused(LinesideError):
    """An HTTP error: `code` for programs and translations, the message for people, `details` for both."""

    def __init__(self, status: int, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details

    def body(self) -> dict[str, object]:
        """Return the JSON of the answer; what of the message is no text (half of a surrogate pair) becomes `?`."""
        return {"error": str(self).encode(errors="replace").decode(), "code": self.code, **self.details}


def refusal(error: LinesideError) -> Refused:
    """Return the HTTP form of an error."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Rejected):
        return Refused(400, "bad-input", str(error))
    if isinstance(error, Unavailable):
        return Refused(503, "unavailable", str(error))
    if isinstance(error, ConfigError):
        return Refused(500, "config", str(error))
    return Refused(500, "error", str(error))
