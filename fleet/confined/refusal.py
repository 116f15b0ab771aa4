"""How a confined program says that what it was given cannot be done."""


class Refusal(Exception):  # noqa: N818 - the error that the worker gets is RefusedWorkError
    """Raised by a program. The worker gets its facts as `RefusedWorkError`.

    Attributes:
        facts: values that JSON has. They may hold no more than some thousand characters.
    """

    def __init__(self, **facts: str | int | None) -> None:
        super().__init__(facts)
        self.facts = facts
