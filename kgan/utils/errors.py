"""Errors that commands report as one line, with exit status 2 and no traceback.

Functions that read flags, runs and files, or write them, raise a `UserError` where a flag does not
fit, a file is missing, damaged or cannot be written; docstrings say so only where they add to that.
"""


def printable(text: str) -> str:
    """Escapes the characters of a text, such as a file name, that cannot be printed."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class UserError(Exception):
    """An error that a user can correct, reported as one line.

    Args:
        message: names the flag or file, what is wrong and what would be right. Line breaks, for
            instance in a given file name, become spaces.
    """

    def __init__(self, message: str):
        super().__init__(printable(" ".join(message.splitlines())))


class ArgumentError(ValueError):
    """An argument of a model, a network or an optimizer that has a wrong value.

    Commands report it with the flag of the same name.

    Args:
        name: of the argument.
        message: the rule, and what was received.
    """

    def __init__(self, name: str, message: str):
        super().__init__(f"`{name}` {message}")
        self.name = name
