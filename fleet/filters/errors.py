"""What can be wrong with a list."""


class FilterListError(ValueError):
    """A list cannot be used. The message says why, in words for the operator."""
