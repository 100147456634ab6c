"""Search for the bilevel sources of a training set, in several processes; results are stored, so a search can be resumed."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
from rich.progress import track

from rlcodec.core.files import make_folder, write_atomically
from rlcodec.core.range_coder import COST_UNIT
from rlcodec.parallel.processes import worker_pool
from rlcodec.presets.mnist.bilevel.context import source_state
from rlcodec.presets.mnist.bilevel.geometry import MAX_SIDE, PRIOR_CONTEXTS, WORDS, BilevelSource
from rlcodec.presets.mnist.bilevel.search import find_source
from rlcodec.training.mnist._sources import count_near

CHUNK_IMAGES = 100
STORED_IMAGES = 2000
SMOOTHNESS = 1.5
HEAD = ("side", "peak", "top", "left")


def smooth_prior() -> np.ndarray:
    """Costs of source pixels before any source is known, lower if they equal their neighbours; int32, for `find_source`."""
    context = np.arange(PRIOR_CONTEXTS)
    bit = (context[:, None] >> np.arange(11)) & 1
    agreement = bit @ np.array([0, 0.3, 2, 0.3, 1, 2, 1, 0.3, 0, 0.3, 0]) - 3.6
    chance = 1 / (1 + np.exp(-SMOOTHNESS * agreement))
    return np.rint(-COST_UNIT * np.log2(np.stack([1 - chance, chance], 1))).astype(np.int32)


def _find_chunk(images: np.ndarray, prior: np.ndarray) -> list[BilevelSource | None]:
    return [find_source(image, prior) for image in images]


def find_sources(
    images: np.ndarray, prior: np.ndarray, workers: int = 2, store: Path | None = None
) -> list[BilevelSource | None]:
    """Searches for the bilevel sources of images.

    Args:
        images: uint8 (n, h, w).
        prior: int32 (PRIOR_CONTEXTS, 2), as `find_source` takes it.
        workers: number of processes.
        store: folder that stores the results in parts; parts that it holds already are read instead.

    Returns:
        The source of each image, None for an image without one.
    """
    if store:
        make_folder(store)
    sources: list[BilevelSource | None] = []
    with worker_pool(workers) as pool:
        for start in track(range(0, len(images), STORED_IMAGES), "finding bilevel sources", disable=not store):
            part = images[start : start + STORED_IMAGES]
            digest = hashlib.sha256(part.tobytes() + prior.tobytes()).hexdigest()
            path = store / f"sources-{start:06d}.npz" if store else None
            part_sources = _read_sources(path, digest) if path else None
            if part_sources is None:
                chunks = [part[i : i + CHUNK_IMAGES] for i in range(0, len(part), CHUNK_IMAGES)]
                searched = [pool.submit(_find_chunk, chunk, prior) for chunk in chunks]
                part_sources = [source for chunk in searched for source in chunk.result()]
                if path:
                    _write_sources(path, digest, part_sources)
            sources += part_sources
    return sources


def _write_sources(path: Path, digest: str, sources: list[BilevelSource | None]) -> None:
    head = np.zeros((len(sources), len(HEAD)), np.int16)
    rows = np.zeros((len(sources), MAX_SIDE, WORDS), np.uint64)
    for i, source in enumerate(sources):
        if source:
            head[i] = [getattr(source, name) for name in HEAD]
            rows[i, : source.side] = source.rows
    write_atomically(path, lambda file: np.savez_compressed(file, digest=np.array(digest), head=head, rows=rows))


def _read_sources(path: Path, digest: str) -> list[BilevelSource | None] | None:
    """Reads a file of `_write_sources`; None if it is missing, broken, or of other images."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["digest"]) != digest:
                return None
            head, rows = file["head"].tolist(), file["rows"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return [
        BilevelSource(source_rows[:side].copy(), peak, top, left) if side else None
        for (side, peak, top, left), source_rows in zip(head, rows, strict=True)
    ]


def near_counts(sources: list[BilevelSource]) -> np.ndarray:
    """Counts of 0 and 1 after each neighbourhood, int64 (PRIOR_CONTEXTS, 2)."""
    counts = np.zeros((PRIOR_CONTEXTS, 2), np.int64)
    for source in sources:
        count_near(source_state(source), counts)
    return counts


def counted_prior(counts: np.ndarray) -> np.ndarray:
    """Costs of source pixels from their `near_counts`; int32, for `find_source`."""
    chance = (counts + 0.4) / (counts + 0.4).sum(1, keepdims=True)
    return np.rint(-COST_UNIT * np.log2(chance)).astype(np.int32)
