"""The one exception for mistakes that a user can mend."""


class UserError(Exception):
    """Say what is wrong in words a user can act on: the file or key, the value, and what is allowed."""
