"""The one error of commands and of starting processes, made for the person at the terminal."""

from __future__ import annotations


class CommandError(Exception):
    """Something went wrong that the user can act on: printed as one line, exit code 1.

    ``message`` says what was wrong and with what; ``remedy`` says what to do, where known.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def line(self) -> str:
        """Message and remedy as one line of text."""
        message = self.message.strip().rstrip(".")
        remedy = self.remedy.strip().rstrip(".")
        if not remedy:
            return message
        # Remedies of the API begin a sentence; ours continue the line after a colon.
        return f"{message}{'. ' if remedy[0].isupper() else ': '}{remedy}"
