"""The batched core for preset `compact`: many episodes at once on the tables of a `CompactTrace`.

The reward of a step is what it takes off the objective, see `rlcodec.envs.batch`.
"""

from collections.abc import Sequence

import numpy as np

from rlcodec.control.observation import Goal, objective_scale
from rlcodec.control.regressor import distortions
from rlcodec.envs.batch import Outcome, Spent
from rlcodec.envs.compact.trace import CompactTrace
from rlcodec.envs.table_process import PictureCore, in_turns
from rlcodec.errors import DataError
from rlcodec.presets.compact.decisions import (
    ACTIONS,
    AT,
    DEPTH,
    GROUP_PHASE,
    GROUPS,
    LAYOUT_SIZE,
    RATE_RANGE,
    SETTING_PHASE,
    CompactPredictor,
    CompactStanding,
    actions_to,
    child,
    expect,
    features_of,
    legal_actions,
    observe,
    payload_bytes_of,
    tables_of,
)
from rlcodec.presets.mnist.observation import FIRST_TIER_ACTION, STOP_ACTION


class CompactEpisodes(PictureCore):
    """A batch of episodes on a trace of preset `compact`.

    Args:
        trace: the tables.
        predictor: what the encoder expects; or several, which take turns with the pictures, see `fit_unseen`.
        batch: how many episodes.
    """

    rate_range = RATE_RANGE
    trace: CompactTrace

    def __init__(self, trace: CompactTrace, predictor: CompactPredictor | Sequence[CompactPredictor], batch: int):
        if not len(trace):
            raise DataError("the trace has no images")
        self.trace, self.batch = trace, batch
        self.action_count, self.observation_size = ACTIONS, LAYOUT_SIZE
        facts, self._mse = trace.facts(), trace.mse
        features, quality = features_of(facts), distortions(self._mse, trace.ms_ssim)
        expected = np.empty_like(quality)
        predictors = [predictor] if isinstance(predictor, CompactPredictor) else list(predictor)
        for one, which in in_turns(predictors, len(trace)):
            expected[:, which] = expect(one, features[which], facts.take(which))
        self._bytes = payload_bytes_of(trace.cost)
        self.tables = tables_of(facts, quality)
        """What is measured."""
        self._expected = tables_of(facts, expected)

        self.goal = Goal(np.zeros(batch, np.int64), np.ones(batch), np.zeros(batch))
        self.standing = CompactStanding(*(np.zeros(batch, np.int64) for _ in range(4)))
        self.done = np.ones(batch, bool)

    def _here(self) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        """Whether a budget was chosen; where the episodes stand in tables by number of channels, and by nodes."""
        s = self.standing
        return s.phase != SETTING_PHASE, AT[s.setting, DEPTH[s.node]], (s.image, s.setting, s.node)

    def objective_parts(self) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, (3, B)."""
        begun, count, node = self._here()
        quality = self.tables.quality[self.goal.kind, self.image, count]
        return np.stack([quality, begun * self.tables.rate[node], self.tables.kmac[node]])

    def spent(self) -> Spent:
        """Where the episodes stand."""
        (begun, count, node), (_, rate, kmac) = self._here(), self.objective_parts()
        similar = self.trace.ms_ssim[self.image, count]
        return Spent(begun * 8.0 * self._bytes[node], rate, kmac, self._mse[self.image, count], similar)

    def masks(self) -> np.ndarray:
        """Legal actions, bool (B, actions)."""
        return legal_actions(self.standing.phase)

    def step(self, action: np.ndarray) -> Outcome:
        """One step of every episode; those that are done stay as they are."""
        before = self.objective_values()
        action, standing = self.legalise(np.asarray(action, np.int64)), self.standing
        choosing = ~self.done & (standing.phase == SETTING_PHASE)
        between = ~self.done & (standing.phase == GROUP_PHASE)
        sending = between & (action != STOP_ACTION)
        standing.setting[choosing], standing.phase[choosing] = action[choosing], GROUP_PHASE
        standing.node[sending] = child(standing.node, action - FIRST_TIER_ACTION)[sending]
        self.done |= between & (~sending | (DEPTH[standing.node] == GROUPS))
        reward = (before - self.objective_values()) / objective_scale(self.goal.rate, self.goal.compute)
        return Outcome(reward, self.done.copy())

    def observe(self, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Observations of all episodes or of some, float32 (B, size)."""
        standing = CompactStanding(*(values[which] for values in vars(self.standing).values()))
        return observe(self._expected, self.tables, self.goal.take(which), standing)

    def actions_of(self, setting: int, node: int) -> tuple[int, ...]:
        """The actions that lead to a node and end there."""
        return actions_to(setting, node)
