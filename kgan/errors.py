"""What a user can mend: one line, exit status 2, no traceback."""


class UserError(Exception):
    """Names the flag or file, what was wrong, and what would be right, in one line.

    Args:
        message: line breaks, which may stand in what a user gave, become blanks.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(message.splitlines()))
