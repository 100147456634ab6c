"""Progress of long work, which is reported item by item."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Report = Callable[[int, int], None]
"""Called with the number of items that are done and of all items."""


def with_progress(items: Iterable[Item], total: int, report: Report | None) -> Iterator[Item]:
    """Yields items; an item is reported as done when the next one is asked for.

    Args:
        items: the items.
        total: number of items.
        report: called with (items done, total).
    """
    for done, item in enumerate(items, 1):
        yield item
        if report:
            report(done, total)
