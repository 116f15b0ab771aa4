"""Which pages a list of ranges means in a document of so many pages."""

from fleet.confined.refusal import Refusal
from worker.render.after_print.program.order import Ranges


def indices(ranges: Ranges | None, count: int, field: str) -> list[int]:
    """The pages in the order in which they are named, counted from 0. None: all of them.

    Args:
        ranges: of the order.
        count: pages of the document.
        field: the option that has the ranges, for messages.

    Raises:
        Refusal: there is no such page, or one is named twice.
    """
    if ranges is None:
        return list(range(count))
    found: list[int] = []
    for first, last in ranges:
        begin, end = (number if number > 0 else count + 1 + number for number in (first, last))
        for number in (begin, end):
            if not 1 <= number <= count:
                there = "there is only 1 page" if count == 1 else f"there are only {count:,} pages"
                raise Refusal(field=field, message=f"names page {number:,}, and {there}")
        step = 1 if begin <= end else -1
        found.extend(range(begin - 1, end - 1 + step, step))
    seen: set[int] = set()
    for index in found:
        if index in seen:
            raise Refusal(field=field, message=f"names page {index + 1:,} twice")
        seen.add(index)
    return found
