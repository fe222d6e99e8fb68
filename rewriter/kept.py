"""What is made once from immutable objects and kept as long as they are in use.

Owns one small cache by identity: the nouns of this package hold mappings and cannot be hashed, but they are never
changed, so the same object always gives the same result.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Kept(Generic[T]):
    """Results of `make`, by the identity of its arguments; the least recently used one goes beyond `size`."""

    def __init__(self, make: Callable[..., T], size: int) -> None:
        self._make = make
        self._size = size
        # the arguments are held, so that no other object can take their identity
        self._kept: OrderedDict[tuple[int, ...], tuple[tuple[object, ...], T]] = OrderedDict()

    def __call__(self, *arguments: object) -> T:
        """The result for these very objects."""
        key = tuple(map(id, arguments))
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = (arguments, self._make(*arguments))
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept[1]
