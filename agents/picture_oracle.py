"""Hindsight for photographs and preset `compact`: with everywhere that an episode can end in a table, the best is a look-up."""

from collections.abc import Mapping

import numpy as np

from rlcodec.agents.contest import Contest, objective_grid
from rlcodec.agents.oracle import Plan
from rlcodec.compact.planning import CompactPredictor, features_of
from rlcodec.envs.compact_episodes import CompactEpisodes
from rlcodec.envs.compact_traces import CompactTrace
from rlcodec.envs.core import objective_arrays
from rlcodec.envs.picture_episodes import PictureEpisodes
from rlcodec.envs.pictures import PictureTrace
from rlcodec.objective import Objective
from rlcodec.observation import Goal
from rlcodec.photo.planning import SETTINGS, PhotoPredictor

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


def picture_values(episodes: PictureEpisodes | CompactEpisodes, objective: Objective) -> np.ndarray:
    """J of wherever episodes on every picture can end, float64: (n, settings, stops, endings), or (n, settings, nodes)."""
    every = np.arange(len(episodes.trace))
    goal = Goal(*objective_arrays(objective, len(every)))
    return episodes.tables.values(goal) if isinstance(episodes, PictureEpisodes) else episodes.tables.values(goal, every)


def _best(episodes: PictureEpisodes | CompactEpisodes, values: np.ndarray) -> Plan:
    where = np.unravel_index(values.argmin(), values.shape)
    return Plan(float(values.min()), episodes.actions_of(*(int(i) for i in where)))


def _contest(
    episodes: PictureEpisodes | CompactEpisodes,
    statistics: np.ndarray,
    grid_rate: Mapping[str, tuple[float, ...]],
    smallest: float,
) -> Contest:
    places = np.ndindex(episodes.tables.kmac.shape[1:])
    return Contest(
        episodes,
        statistics,
        objective_grid(grid_rate),
        [episodes.actions_of(*place) for place in places],
        lambda objective: [_best(episodes, values) for values in picture_values(episodes, objective)],
        lambda objective: _best(episodes, picture_values(episodes, objective).mean(0)),
        smallest,
    )


def picture_contest(trace: PictureTrace, predictor: PhotoPredictor) -> Contest:
    """The contest on a trace of photographs, with the encoder's predictions."""
    episodes = PictureEpisodes(trace, predictor, len(trace))
    return _contest(episodes, trace.features[:, SETTINGS // 2], GRID_RATE, SMALLEST_GAP_BPP)


def compact_contest(trace: CompactTrace, predictor: CompactPredictor) -> Contest:
    """The contest on a trace of preset `compact`, with the encoder's predictions."""
    return _contest(CompactEpisodes(trace, predictor, len(trace)), features_of(trace.facts()), COMPACT_GRID_RATE, 0.0)
