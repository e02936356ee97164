"""What a user can mend: one line, exit status 2, no traceback."""


def printable(text: str) -> str:
    """Returns a text, such as a file's name, that fits into one line of any terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class UserError(Exception):
    """Names the flag or file, what was wrong, and what would be right, in one line.

    Args:
        message: line breaks, which may stand in what a user gave, become blanks, and what no
            terminal can print is written as in Python.
    """

    def __init__(self, message: str):
        super().__init__(printable(" ".join(message.splitlines())))
