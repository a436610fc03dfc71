"""What keeps a command from being run, as whoever typed it wants to read it: what is wrong, and what to do next."""

NOT_AS_IT_SHOULD_BE, TYPED_WRONG, NOT_THERE = 1, 2, 3
"""Exit codes: something is not as it should be; the command was typed wrong; something it needs is missing."""

TEMPLATE_ADVICE = "Write that part of the template another way; make validate says whether AWS would take it."
"""What to do about a template that is not understood here."""


class Problem(Exception):
    """Ends the command with one sentence and no trace back.

    advice: what to do next. code: the exit code.
    """

    def __init__(self, text: str, advice: str = "", *, code: int = NOT_THERE) -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice
        self.code = code
