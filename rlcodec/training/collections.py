"""Collections as torch data sets."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from rlcodec.archive.reader import Collection, CollectionItem

UNLABELLED = -1


class CollectionDataset(Dataset):
    """The images of a collection and their labels, for a `DataLoader` with any number of workers, forked or spawned.

    Item i is an image and its label, -1 if it has none. The image is a uint8 tensor (channels, height, width), or the result of
    `transform` on the PIL image.

    Example:
        >>> import numpy as np, rlcodec, tempfile
        >>> path = tempfile.mkdtemp() + "/set.rlcz"
        >>> with rlcodec.CollectionWriter(path) as writer:
        ...     writer.add(rlcodec.encode(np.full((28, 28), 7, np.uint8), lossless=True), "sevens/a", label=7)
        >>> image, label = CollectionDataset(path)[0]
        >>> tuple(image.shape), label
        ((1, 28, 28), 7)
    """

    def __init__(
        self, path: str | os.PathLike[str], transform: Callable[[Image.Image], Any] | None = None, **options: Any
    ) -> None:
        """Opens a collection; further options and exceptions are those of `rlcodec.Collection`."""
        self.collection = Collection(path, **options)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.collection)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        return self._pair(self.collection[number])

    def __getitems__(self, numbers: Sequence[int]) -> list[tuple[Any, int]]:
        """Several items at once, as a `DataLoader` asks for a batch; digits are decoded together."""
        return [self._pair(item) for item in self.collection.read(numbers)]

    def _pair(self, item: CollectionItem) -> tuple[Any, int]:
        label = UNLABELLED if item.label is None else item.label
        if self.transform is not None:
            return self.transform(item.image), label
        pixels = item.pixels[None] if item.pixels.ndim == 2 else item.pixels.transpose(2, 0, 1)
        return torch.from_numpy(np.array(pixels)), label
