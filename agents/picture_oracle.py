"""Hindsight for pictures and anybody's own codec: with everywhere that an episode can end in a table, the best is a look-up."""

from dataclasses import replace

import numpy as np

from rlcodec.agents.contest import Contest, objective_grid
from rlcodec.agents.oracle import Plan
from rlcodec.control.objective import Objective
from rlcodec.control.observation import Goal
from rlcodec.envs.batch import objective_arrays
from rlcodec.envs.compact.batch import CompactEpisodes
from rlcodec.envs.compact.trace import CompactTrace
from rlcodec.envs.external.trace import OwnEpisodes, OwnTrace
from rlcodec.envs.photo.batch import PictureEpisodes
from rlcodec.envs.photo.trace import PictureTrace
from rlcodec.presets.compact.decisions import CompactPredictor, features_of
from rlcodec.presets.external.decisions import OwnPredictor
from rlcodec.presets.photo.decisions import SETTINGS, PhotoPredictor

GRID_RATE = {
    "mse": (0.4, 1.0, 1.6, 2.2, 2.8),
    "psnr": (0.5, 0.75, 1.0, 1.25, 1.5),
    "ms-ssim": (0.6, 0.8, 1.0, 1.2, 1.4),
}
SMALLEST_GAP_BPP = 0.005
"""With "mse" one setting for all is within this of the oracle nearly everywhere: there is nothing to decide."""
COMPACT_GRID_RATE = {
    "mse": (3.5, 4.0, 4.5, 5.0),
    "psnr": (1.2, 1.6, 2.0, 2.3),
    "ms-ssim": (1.2, 1.5, 1.75, 2.0),
}

OWN_GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Where in the trained range of log10 lambda_rate objectives for anybody's own codec lie."""


def picture_values(episodes: PictureEpisodes | CompactEpisodes | OwnEpisodes, objective: Objective) -> np.ndarray:
    """J of wherever episodes on every picture can end, float64: by image, setting and what follows."""
    every = np.arange(len(episodes.trace))
    goal = Goal(*objective_arrays(objective, len(every)))
    return episodes.tables.values(goal, every) if isinstance(episodes, CompactEpisodes) else episodes.tables.values(goal)


def _best(episodes: PictureEpisodes | CompactEpisodes | OwnEpisodes, values: np.ndarray) -> Plan:
    where = np.unravel_index(values.argmin(), values.shape)
    return Plan(float(values.min()), episodes.actions_of(*(int(i) for i in where)))


def _contest(
    episodes: PictureEpisodes | CompactEpisodes | OwnEpisodes,
    statistics: np.ndarray,
    grid: list[Objective],
    smallest: float,
) -> Contest:
    places = np.ndindex(episodes.tables.kmac.shape[1:])
    return Contest(
        episodes,
        statistics,
        grid,
        [episodes.actions_of(*place) for place in places],
        lambda objective: [_best(episodes, values) for values in picture_values(episodes, objective)],
        lambda objective: _best(episodes, picture_values(episodes, objective).mean(0)),
        smallest,
    )


def picture_contest(trace: PictureTrace, predictor: PhotoPredictor) -> Contest:
    """The contest on a trace of photographs, with the encoder's predictions."""
    episodes = PictureEpisodes(trace, predictor, len(trace))
    return _contest(episodes, trace.features[:, SETTINGS // 2], objective_grid(GRID_RATE), SMALLEST_GAP_BPP)


def compact_contest(trace: CompactTrace, predictor: CompactPredictor) -> Contest:
    """The contest on a trace of preset `compact`, with the encoder's predictions."""
    episodes, grid = CompactEpisodes(trace, predictor, len(trace)), objective_grid(COMPACT_GRID_RATE)
    return _contest(episodes, features_of(trace.facts()), grid, 0.0)


def own_contest(trace: OwnTrace, predictor: OwnPredictor) -> Contest:
    """The contest on a trace of anybody's own codec, with the encoder's predictions; without compute where none was given."""
    rates = {kind: (low, high) for kind, (low, high) in trace.spec.rate_range.items() if kind in trace.spec.kinds}
    grid = objective_grid({kind: tuple(low + at * (high - low) for at in OWN_GRID) for kind, (low, high) in rates.items()})
    if not trace.kmac.any():
        grid = list(dict.fromkeys(replace(objective, lambda_compute=0.0) for objective in grid))
    return _contest(OwnEpisodes(trace, predictor, len(trace)), trace.features, grid, 0.0)
