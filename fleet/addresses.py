"""Which network addresses are public (pure: nothing here opens a socket)."""


def require_public_literal(host: str, port: int | None) -> None:
    """Placeholder signature until the table lands."""
