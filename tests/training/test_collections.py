"""Collections as torch data sets: the same items with any number of workers, however they are started."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import rlcodec
from rlcodec.training.collections import CollectionDataset


@pytest.fixture(scope="module")
def path(tmp_path_factory, digits):
    path = tmp_path_factory.mktemp("set") / "set.rlcz"
    with rlcodec.CollectionWriter(path) as writer:
        for number, digit in enumerate(digits[:12]):
            writer.add(rlcodec.encode(digit, tier="table"), str(number), None if number == 5 else number)
    return path


def invert(image):
    return 1 - torch.from_numpy(np.array(image)).float() / 255


@pytest.mark.parametrize("options", [{}, {"num_workers": 2, "multiprocessing_context": "fork"},
                                     {"num_workers": 2, "multiprocessing_context": "spawn"}])  # fmt: skip
def test_a_loader_gives_all_images_in_order(path, digits, options):
    dataset = CollectionDataset(path)
    assert len(dataset) == 12
    batches = list(DataLoader(dataset, batch_size=5, **options))
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert images.dtype == torch.uint8
    assert np.array_equal(images[:, 0].numpy(), digits[:12])
    assert labels.tolist() == [*range(5), -1, *range(6, 12)]


def test_a_transform_gets_the_image(path, digits):
    image, label = CollectionDataset(path, invert)[3]
    assert label == 3
    assert np.allclose(image.numpy(), 1 - digits[3] / 255)
