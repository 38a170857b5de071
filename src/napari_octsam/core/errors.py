"""The one exception whose text is written for the person at the screen."""

from __future__ import annotations

__all__ = ["UserError"]


class UserError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do.

    The command line prints it as one line and the widgets as a notice; neither shows a traceback.
    """
