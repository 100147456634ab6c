"""Reversible colour transforms: in which order the channels of a pixel are coded, and as differences to what.

Each plane holds a channel, or its difference to a channel before, or to the mean of two. The difference is taken inside of the
coding loop, to what decoders know of the other channel, so that a bound on the error of a plane is one on the error of its
channel. A difference to green is the transform of WebP. With a linear prediction that also sees the planes before, it left
fewer bits than YCoCg-R (Malvar, Sullivan and Srinivasan, "Lifting-Based Reversible Color Transformations for Image
Compression", 2008): 7.83 against 7.99 bits per pixel on 8 photographs.
"""

import itertools
from dataclasses import dataclass

from rlcodec.presets.raster._strip import TO_CONSTANT, TO_FIRST, TO_MEAN

COLORS = 3


@dataclass(frozen=True)
class PlaneOrder:
    """How the channels of a pixel become planes.

    Attributes:
        channels: of each plane, in the order of coding.
        references: what each plane is the difference to, one of the constants of `rlcodec.presets.raster._strip`.
    """

    channels: tuple[int, ...]
    references: tuple[int, ...]


def _orders_of_colors() -> tuple[PlaneOrder, ...]:
    """The orders of red, green and blue: from green, red or blue on, by differences or none."""
    plain = PlaneOrder((1, 0, 2), (TO_CONSTANT,) * COLORS)
    by_difference = (
        PlaneOrder(channels, (TO_CONSTANT, TO_FIRST, last))
        for channels, last in itertools.product(((1, 0, 2), (1, 2, 0), (0, 1, 2), (2, 1, 0)), (TO_FIRST, TO_MEAN))
    )
    return plain, *by_difference


ORDERS = {
    1: (PlaneOrder((0,), (TO_CONSTANT,)),),
    2: (PlaneOrder((0, 1), (TO_CONSTANT,) * 2),),
    3: _orders_of_colors(),
    4: tuple(PlaneOrder((*order.channels, 3), (*order.references, TO_CONSTANT)) for order in _orders_of_colors()),
}
"""The orders that streams can name, by the number of channels."""

TRIED_ORDERS = {1: (0,), 2: (0,), 3: (0, 1, 5), 4: (0, 1, 5)}
"""Indices in ORDERS of those that encoders try: no differences, or differences to green or red."""
