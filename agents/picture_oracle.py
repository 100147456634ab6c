"""Hindsight for photographs: with every setting, stop and ending in a table, the best is a look-up."""

import numpy as np

from rlcodec.agents.contest import Contest
from rlcodec.agents.oracle import Plan
from rlcodec.envs.picture_episodes import PictureEpisodes
from rlcodec.envs.pictures import PictureTrace
from rlcodec.objective import KINDS, Objective
from rlcodec.observation import Goal
from rlcodec.photo.planning import SETTINGS, PhotoPredictor

GRID_RATE = {
    "mse": (0.4, 1.0, 1.6, 2.2, 2.8),
    "psnr": (0.5, 0.75, 1.0, 1.25, 1.5),
    "ms-ssim": (0.6, 0.8, 1.0, 1.2, 1.4),
}
GRID_COMPUTE = (-4.4, -3.4, -2.35, -1.3)
SMALLEST_GAP_BPP = 0.005
"""With "mse" one setting for all is within this of the oracle nearly everywhere: there is nothing to decide."""


def picture_values(episodes: PictureEpisodes, objective: Objective) -> np.ndarray:
    """J of every setting, stop and ending of every picture, float64 (n, settings, stops, endings)."""
    n = len(episodes.trace)
    kind = np.full(n, KINDS.index(objective.kind))
    return episodes.tables.values(Goal(kind, np.full(n, objective.lambda_rate), np.full(n, objective.lambda_compute)))


def _best(episodes: PictureEpisodes, values: np.ndarray) -> Plan:
    where = np.unravel_index(values.argmin(), values.shape)
    return Plan(float(values.min()), episodes.actions_of(*(int(i) for i in where)))


def picture_contest(trace: PictureTrace, predictor: PhotoPredictor) -> Contest:
    """The contest on a trace of photographs, with the encoder's predictions."""
    episodes = PictureEpisodes(trace, predictor, len(trace))
    _, stops, endings = episodes.tables.kmac.shape[1:]
    return Contest(
        episodes,
        trace.features[:, SETTINGS // 2],
        [
            Objective(kind, 10**rate, 10 ** (rate + compute))
            for kind, rates in GRID_RATE.items()
            for rate in rates
            for compute in GRID_COMPUTE
        ],
        [episodes.actions_of(s, k, e) for s in range(SETTINGS) for k in range(stops) for e in range(endings)],
        lambda objective: [_best(episodes, values) for values in picture_values(episodes, objective)],
        lambda objective: _best(episodes, picture_values(episodes, objective).mean(0)),
        SMALLEST_GAP_BPP,
    )
