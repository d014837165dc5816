"""The one error of commands and of starting processes, made for the person at the terminal."""

from __future__ import annotations


class CommandError(Exception):
    """Something went wrong that the user can act on: printed as one line.

    ``message`` says what was wrong and with what; ``remedy`` says what to do, where known;
    ``exit_status`` is the exit status of the command.
    """

    def __init__(self, message: str, remedy: str = "", *, exit_status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.exit_status = exit_status

    def line(self) -> str:
        """Message and remedy as one line of text."""
        message = self.message.strip().rstrip(".")
        remedy = self.remedy.strip().rstrip(".")
        if not remedy:
            return message
        # Remedies of the API begin a sentence; ours continue the line after a colon.
        return f"{message}{'. ' if remedy[0].isupper() else ': '}{remedy}"
