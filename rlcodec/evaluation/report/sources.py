"""What a report is made from: files and folders that commands write, recognised by their content."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rlcodec.agents.evaluate import RULES
from rlcodec.agents.reported_results import RESULTS_FILE, ReportedEpisode, read_results
from rlcodec.core.metrics import PEAK_SQUARED
from rlcodec.errors import DataError, RlcodecError
from rlcodec.evaluation.curves import read_curve
from rlcodec.evaluation.rate_distortion import ADDED, CSV, KEY, PARQUET, REQUIRED, Row, load_table, read_columns
from rlcodec.presets.registry import preset_by_name

RUN_FILE = "run.json"
"""As in `rlcodec.agents.run_folder`, which needs torch."""
EVENTS = "events.out.tfevents"
MAX_TABLE_BYTES = 256 << 20
MAX_JSON_BYTES = 16 << 20
EVALUATED = ("kind", "lambda_rate", "lambda_compute", "J_fixed", "J_oracle", "gap_counts", *(f"share_{name}" for name in RULES))
"""Columns of a table of `rlcodec evaluate TRACE` that are read."""
KINDS = "a run's folder, a table of `rlcodec evaluate`, or a curve's JSON"
POSITIVE = ("width", "height", "size_bytes", "bpp")


@dataclass(frozen=True)
class Table:
    """A table of `rlcodec evaluate DATA --codecs`.

    Attributes:
        name: of its file.
        rows: columns as `rlcodec.evaluation.rate_distortion.Row`.
        data: folder of its pictures, if known.
        split: of folders of idx files.
        about: how codecs ran, of those for which it is known.
    """

    name: str
    rows: pd.DataFrame
    data: Path | None
    split: str
    about: Mapping[str, str]


@dataclass(frozen=True)
class Trained:
    """What a training logged.

    Attributes:
        name: of the run's folder.
        curves: steps and values, float64 (n,) each, by tag.
        settings: hyperparameters; empty if unknown.
    """

    name: str
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Shares:
    """Shares of the gap from the best fixed setting to the oracle.

    Attributes:
        name: of the run's folder or the table's file.
        table: a row for each objective: kind, lambda_rate, lambda_compute, counts, and share_policy, share_planner and
            share_threshold.
        share: mean of the policy's, over the objectives that count.
        interval: its 95% interval, if known.
        images: number of images, if known.
        episodes: reported episodes, a row each: image, objective, choice, bits, psnr_db.
    """

    name: str
    table: pd.DataFrame
    share: float
    interval: tuple[float, float] | None = None
    images: int | None = None
    episodes: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass
class Sources:
    """Everything that was named, by kind.

    Attributes:
        tables: of codecs.
        curves: of files, each as `read_curve`.
        trained: learning curves.
        shares: results of policies.
    """

    tables: list[Table] = field(default_factory=list)
    curves: list[pd.DataFrame] = field(default_factory=list)
    trained: list[Trained] = field(default_factory=list)
    shares: list[Shares] = field(default_factory=list)


def read_sources(paths: Sequence[Path]) -> Sources:
    """Reads files and folders.

    A folder is read as a run, and for the tables and curves in it; other files in it are ignored.

    Raises:
        DataError: one of the paths is nothing that a report is made from, or is damaged.
    """
    sources = Sources()
    for path in paths:
        if path.is_dir():
            _read_folder(path, sources)
        elif path.is_file():
            _read_file(path, sources)
        else:
            raise DataError(f"{path}: no such file or folder")
    return sources


def _read_folder(folder: Path, sources: Sources) -> None:
    before = _count(sources)
    if (folder / RESULTS_FILE).exists():
        sources.shares.append(_reported(folder))
    if _event_folders(folder):
        sources.trained += _trained(folder)
    for path in sorted(folder.iterdir()):
        if path.suffix in (CSV, PARQUET) and _table_kind(path):
            _read_file(path, sources)
        elif path.suffix == ".json" and path.name not in (RESULTS_FILE, RUN_FILE) and "results" in _json(path):
            sources.curves.append(_curve(path))
    if _count(sources) == before:
        raise DataError(f"{folder}: holds nothing to report on; name {KINDS}")


def _count(sources: Sources) -> int:
    return sum(map(len, vars(sources).values()))


def _read_file(path: Path, sources: Sources) -> None:
    if path.name == RESULTS_FILE:
        sources.shares.append(_reported(path.parent))
    elif path.suffix == ".json":
        sources.curves.append(_curve(path))
    elif path.suffix not in (CSV, PARQUET):
        raise DataError(f"{path}: is nothing to report on; name {KINDS}")
    elif path.stat().st_size > MAX_TABLE_BYTES:
        raise DataError(f"{path}: is too large for a table, more than {MAX_TABLE_BYTES} bytes")
    else:
        kind = _table_kind(path)
        if kind == "":
            load_table(path)  # raises an error that says why, if the file is damaged
            raise DataError(f"{path}: is nothing to report on; name {KINDS}")
        if kind == "codecs":
            sources.tables.append(_table(path))
        else:
            sources.shares.append(_evaluated(path))


def _table_kind(path: Path) -> str:
    """The kind of table that a file holds, by the names of its columns: "codecs", "evaluation" or ""."""
    try:
        if path.suffix == PARQUET:
            from pyarrow.parquet import read_schema

            names = set(read_schema(path).names)
        else:
            names = set(pd.read_csv(path, nrows=0).columns)
    except (OSError, ValueError):
        return ""
    if set(REQUIRED) <= names:
        return "codecs"
    return "evaluation" if set(EVALUATED) <= names else ""


def _curve(path: Path) -> pd.DataFrame:
    try:
        curve = read_curve(path)
    except RecursionError as error:
        raise DataError(f"{path}: no curve as learned-compression tools exchange them (it is nested too deep)") from error
    if curve.empty:
        raise DataError(f"{path}: is a curve without points")
    return curve


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if the file cannot be read, is too large or holds no object."""
    try:
        content = json.loads(path.read_text()) if path.stat().st_size <= MAX_JSON_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _table(path: Path) -> Table:
    rows = load_table(path)
    if rows.empty:
        raise DataError(f"{path}: has no rows yet")
    try:
        rows = rows.astype(Row.__annotations__)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a column holds what it should not ({' '.join(str(error).split())})") from error
    numbers = rows[[name for name, kind in Row.__annotations__.items() if kind in (int, float)]]
    finite = numbers.drop(columns=["decoder_kmac_per_pixel", "psnr_db", *ADDED])
    if not np.isfinite(finite).all(axis=None) or (numbers[list(POSITIVE)] <= 0).any(axis=None) or rows.psnr_db.isna().any():
        raise DataError(f"{path}: holds impossible values: sizes are positive, quality and times are numbers")
    if (rows.psnr_db == -math.inf).any() or np.isinf(rows.decoder_kmac_per_pixel).any() or (rows.ms_ssim > 1).any():
        raise DataError(f"{path}: holds impossible values: an infinite error or compute, or MS-SSIM above 1")
    if np.isinf(rows[list(ADDED)]).any(axis=None) or (rows[list(ADDED)] > 100).any(axis=None):
        raise DataError(f"{path}: holds impossible values: SSIMULACRA2 or PSNR-HVS-M is infinite or above 100")
    if rows[KEY].duplicated().any():
        raise DataError(f"{path}: has a picture twice at the same setting of a codec")
    beside = _json(path.with_suffix(".json"))
    data, about = beside.get("data"), beside.get("codecs")
    return Table(
        path.stem,
        rows,
        Path(data) if isinstance(data, str) else None,
        str(beside.get("split", "test")),
        {str(k): str(v) for k, v in about.items()} if isinstance(about, dict) else {},
    )


def _evaluated(path: Path) -> Shares:
    try:
        read = read_columns(path)
        table = pd.DataFrame({"kind": read.kind.astype(str), "counts": read.gap_counts.astype(bool)})
        for name in ("lambda_rate", "lambda_compute", *(f"share_{name}" for name in RULES)):
            table[name] = read[name].astype(float)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as a table ({' '.join(str(error).split())})") from error
    counted = table[table.counts].share_policy
    if counted.empty or not np.isfinite(counted).all() or not (table[["lambda_rate", "lambda_compute"]] > 0).all(axis=None):
        raise DataError(f"{path}: holds no share of the gap")
    return Shares(path.stem, table, float(counted.mean()))


def _reported(folder: Path) -> Shares:
    results = read_results(folder)
    rows = []
    for row in results.table:
        gap, objective = row.fixed - row.oracle, row.objective
        shares = {f"share_{name}": (row.fixed - getattr(row, name)) / gap if gap else math.nan for name in RULES}
        weights = {"lambda_rate": objective.lambda_rate, "lambda_compute": objective.lambda_compute}
        rows.append({"kind": objective.kind, **weights, **shares, "counts": row.counts})
    return Shares(
        folder.resolve().name,
        pd.DataFrame(rows),
        results.share,
        (results.low, results.high),
        results.images,
        _episodes(results.preset, results.episodes),
    )


def _episodes(preset: str, episodes: Sequence[ReportedEpisode]) -> pd.DataFrame:
    try:
        actions = preset_by_name(preset).process_spec().action_names
        choices = [choice_in_words(actions, episode.actions) for episode in episodes]
    except (RlcodecError, IndexError) as error:
        raise DataError(f"{RESULTS_FILE}: reports actions that preset {preset!r} does not have ({error})") from error
    rows = [
        {
            "image": episode.image,
            "objective": f"{episode.objective.kind}, λ rate {episode.objective.lambda_rate:.3g}, "
            f"λ compute {episode.objective.lambda_compute:.2g}",
            "choice": choice,
            "bits": episode.bits,
            "psnr_db": 10 * math.log10(PEAK_SQUARED / episode.mse) if episode.mse > 0 else math.inf,
        }
        for episode, choice in zip(episodes, choices, strict=True)
    ]
    return pd.DataFrame(rows)


def choice_in_words(actions: Mapping[str, Sequence[str]], taken: Sequence[int]) -> str:
    """What an episode's actions mean.

    Args:
        actions: names of actions by phase, as `rlcodec.control.decision_process.ProcessSpec` has them.
        taken: the actions, from the first.

    Raises:
        IndexError: there is no such action.
    """
    if not taken or min(taken) < 0:
        raise IndexError("actions are numbered from 0, and the first is always taken")
    first, later = actions["first"][taken[0]], list(taken[1:])
    if "stops" in actions:
        stop = 0
        while stop < len(actions["stops"]) - 1 and later:
            if later.pop(0) == 0:
                break
            stop += 1
        return ", ".join([first, actions["stops"][stop], *(actions["last"][action] for action in later[:1])])
    names = [actions["later"][action] for action in later]
    counts = [f"{name} {names.count(name)} times" for name in dict.fromkeys(names) if name != "stop"]
    return ", ".join([first, *counts])


def _event_folders(folder: Path) -> list[Path]:
    """Those of a folder and its subfolders that hold TensorBoard's events."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return [path for path in (folder, *inside) if any(path.glob(f"{EVENTS}*"))]


def _trained(folder: Path) -> list[Trained]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained, settings = [], _settings(folder / RUN_FILE)
    folders, run = _event_folders(folder), folder.resolve().name
    for path in folders:
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        try:
            events.Reload()
            series = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
        except Exception as error:  # protobuf, TensorBoard and the file system all raise their own
            raise DataError(f"{path}: its TensorBoard events cannot be read ({type(error).__name__})") from error
        curves = {
            tag: (np.array([p.step for p in points], np.float64), np.array([p.value for p in points], np.float64))
            for tag, points in series.items()
        }
        if curves:
            trained.append(Trained(run if len(folders) == 1 else f"{run}/{path.name}", curves, settings))
    return trained


def _settings(path: Path) -> dict[str, Any]:
    """Hyperparameters of a run, those that are strings or numbers; empty if the file has none."""
    settings = _json(path).get("settings")
    return {k: v for k, v in settings.items() if isinstance(v, str | int | float)} if isinstance(settings, dict) else {}
