"""Errors that end a command: what is wrong, and what to do next."""

CHECK_FAILED, USAGE, UNAVAILABLE = 1, 2, 3
"""Exit codes: a check failed; usage error; a dependency is unavailable."""

TEMPLATE_ADVICE = "Write that part of the template another way; make validate shows whether AWS accepts it."
"""For a template that is not understood here."""


class CliError(Exception):
    """Ends the command with one sentence and no traceback.

    advice: what to do next. code: the exit code.
    """

    def __init__(self, text: str, advice: str = "", *, code: int = UNAVAILABLE) -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice
        self.code = code
