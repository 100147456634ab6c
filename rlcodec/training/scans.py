"""The raster-encoder of scans: finding the scans of a training set, counting, maximum likelihood, export."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rlcodec.coder import COST_UNIT
from rlcodec.kernel import kernel
from rlcodec.raster_scan import (
    PEAK_BITS,
    PLACE_BITS,
    PLACE_ORIGIN,
    ROWS_ABOVE,
    SELECTED,
    SELECTED_ROWS,
    SIDE_BITS,
    WINDOW_INPUTS,
    ScanTables,
    gather_window,
    is_uniform,
    scan_state,
    select_rows,
)
from rlcodec.scan import (
    BOX,
    MAX_SIDE,
    MIN_SIDE,
    PRIOR_CONTEXTS,
    WHITE,
    Scan,
    box_area,
    find_scan,
    get_bit,
    gray_level,
    grid,
    near_context,
)
from rlcodec.training.loop import Schedule, fit
from rlcodec.training.raster import RasterNet, path_bits, probability

CHUNK_IMAGES = 200
SMOOTHNESS = 1.5
BIT_PATH = np.zeros((2, 1), np.int64), np.array([[-1], [1]], np.float32)


def smooth_prior() -> np.ndarray:
    """What scan pixels cost before any scan was seen: less where they agree with their neighbours; int32 as `find_scan`."""
    context = np.arange(PRIOR_CONTEXTS)
    bit = (context[:, None] >> np.arange(11)) & 1
    agreement = bit @ np.array([0, 0.3, 2, 0.3, 1, 2, 1, 0.3, 0, 0.3, 0]) - 3.6
    chance = 1 / (1 + np.exp(-SMOOTHNESS * agreement))
    return np.rint(-COST_UNIT * np.log2(np.stack([1 - chance, chance], 1))).astype(np.int32)


def _find_chunk(images: np.ndarray, prior: np.ndarray) -> list[Scan | None]:
    return [find_scan(image, prior) for image in images]


def find_scans(images: np.ndarray, prior: np.ndarray, workers: int = 2) -> list[Scan | None]:
    """The scans of images, uint8 (n, h, w), in order; None where there is none."""
    chunks = [images[i : i + CHUNK_IMAGES] for i in range(0, len(images), CHUNK_IMAGES)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return [scan for chunk in pool.map(_find_chunk, chunks, [prior] * len(chunks)) for scan in chunk]


@kernel
def _count_near(lines, side, counts):
    near = lines[ROWS_ABOVE - 2 :]
    for i in range(side):
        for j in range(side):
            counts[near_context(near, i, j), get_bit(lines[ROWS_ABOVE + i], j)] += 1


def near_counts(scans: list[Scan]) -> np.ndarray:
    """How often each neighbourhood has background and ink, int64 (PRIOR_CONTEXTS, 2)."""
    counts = np.zeros((PRIOR_CONTEXTS, 2), np.int64)
    for scan in scans:
        _count_near(scan_state(scan).lines, scan.side, counts)
    return counts


def counted_prior(counts: np.ndarray) -> np.ndarray:
    """What scan pixels cost given `near_counts`; int32 as `find_scan`."""
    chance = (counts + 0.4) / (counts + 0.4).sum(1, keepdims=True)
    return np.rint(-COST_UNIT * np.log2(chance)).astype(np.int32)


@kernel
def _count_slips(lines, single, start, stop, peak, top, left, image, counts):
    for r in range(BOX):
        for c in range(BOX):
            y, x = top + r, left + c
            if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                level, slipped = gray_level(box_area(lines, -ROWS_ABOVE, single, start, stop, r, c), peak)
                if level != slipped:
                    counts[1 if level == WHITE else 0, 1 if image[y, x] != level else 0] += 1


def _number_tree(values: np.ndarray, bits: int) -> np.ndarray:
    """Probabilities of the binary digits of numbers, most significant first, int32 (2**bits,); node 0 is not used."""
    counts = np.zeros((1 << bits, 2))
    for depth in range(bits):
        node, bit = (1 << depth) + (values >> (bits - depth)), (values >> (bits - depth - 1)) & 1
        np.add.at(counts, (node, bit), 1)
    return probability(counts[:, 1], counts[:, 0])


def scan_tables(images: np.ndarray, scans: list[Scan | None]) -> ScanTables:
    """The tables of a training set whose scans are known."""
    sides = MAX_SIDE - MIN_SIDE + 1
    cells, areas = np.zeros((sides, MAX_SIDE), np.int16), np.zeros((sides, MAX_SIDE, 2), np.int32)
    peaks = np.zeros((sides, 1 << PEAK_BITS), np.int64)
    for s in range(sides):
        one = grid(MIN_SIDE + s)
        cells[s, : MIN_SIDE + s] = first = (one.single > 0).argmax(0)
        for part in range(2):
            inside = first + part < BOX
            areas[s, : MIN_SIDE + s, part] = np.where(
                inside, one.single[np.minimum(first + part, BOX - 1), np.arange(MIN_SIDE + s)], 0
            )
        peaks[s, : len(one.peaks)] = one.peaks[: 1 << PEAK_BITS]
    found = [scan for scan in scans if scan]
    near = near_counts(found)
    slips = np.zeros((2, 2), np.int64)
    for image, scan in zip(images, scans, strict=True):
        if scan:
            one = grid(scan.side)
            _count_slips(
                scan_state(scan).lines, one.single, one.start, one.stop, one.peaks[scan.peak], scan.top, scan.left, image, slips
            )
    none = len(scans) - len(found)
    numbers = {name: np.array([getattr(scan, name) for scan in found], np.int64) for name in ("side", "peak", "top", "left")}
    return ScanTables(
        cells,
        areas,
        peaks,
        near=probability(near[:, 1], near[:, 0]),
        absent=probability(np.array([none]), np.array([len(found)])),
        side=_number_tree(numbers["side"] - MIN_SIDE, SIDE_BITS),
        peak=_number_tree(numbers["peak"], PEAK_BITS),
        top=_number_tree(numbers["top"] + PLACE_ORIGIN, PLACE_BITS),
        left=_number_tree(numbers["left"] + PLACE_ORIGIN, PLACE_BITS),
        slip=probability(slips[:, 1], slips[:, 0]),
    )


@kernel
def _contexts(lines, side, inputs, symbols, count):
    """Appends the contexts of a scan's pixels that tier `context` codes by its network; returns how many there are then."""
    near = lines[ROWS_ABOVE - 2 :]
    which = np.empty(WINDOW_INPUTS, np.int64)
    selected = np.empty(SELECTED, np.int64)
    for i in range(side):
        for j in range(side):
            if not is_uniform(near_context(near, i, j)):
                inputs[count] = 0
                for k in range(gather_window(lines, i, j, which)):
                    inputs[count, which[k]] = 1
                select_rows(side, i, j, selected)
                for k in range(SELECTED):
                    inputs[count, WINDOW_INPUTS + selected[k]] = 1
                symbols[count] = get_bit(lines[ROWS_ABOVE + i], j)
                count += 1
    return count


def scan_contexts(scans: list[Scan]) -> tuple[np.ndarray, np.ndarray]:
    """Contexts, uint8 (m, WINDOW_INPUTS + SELECTED_ROWS), and symbols, int64 (m,), that the network codes."""
    most = sum(scan.side**2 for scan in scans)
    inputs, symbols = np.empty((most, WINDOW_INPUTS + SELECTED_ROWS), np.uint8), np.empty(most, np.int64)
    count = 0
    for scan in scans:
        count = _contexts(scan_state(scan).lines, scan.side, inputs, symbols, count)
    return inputs[:count], symbols[:count]


def train_scans(
    train: list[Scan],
    validation: list[Scan],
    schedule: Schedule,
    folder: Path,
    resume: bool,
    device: torch.device,
    widths: tuple[int, int] = (64, 32),
) -> RasterNet:
    """Trains the scans' context network; the loss is in bits a scan."""
    torch.manual_seed(schedule.seed)
    model = RasterNet(WINDOW_INPUTS, SELECTED_ROWS, *widths, 1).to(device)

    def bits(model: nn.Module, scans: list[Scan]) -> Tensor:
        contexts, symbols = scan_contexts(scans)
        inputs = torch.from_numpy(contexts).to(device).to(torch.bfloat16)
        return path_bits(model, inputs, symbols, *BIT_PATH) / len(scans)

    def loss_of(model: nn.Module, rng: np.random.Generator, batch: int) -> Tensor:
        return bits(model, [train[i] for i in rng.integers(0, len(train), batch)]) / 100

    @torch.no_grad()
    def evaluate(model: nn.Module) -> dict[str, float]:
        return {"bits_per_scan": float(bits(model, validation[:500]))}

    return fit(model, loss_of, evaluate, schedule, folder, resume, "raster-encoder, scans")
