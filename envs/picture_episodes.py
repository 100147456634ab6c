"""The batched core for photographs: many episodes at once on the tables of a `PictureTrace`.

The reward of a step is what it takes off the objective, as in `rlcodec.envs.episodes`.
"""

import numpy as np

from rlcodec.envs.episodes import Outcome
from rlcodec.envs.pictures import MIDDLE, PictureTrace
from rlcodec.errors import DataError
from rlcodec.objective import COMPUTE_RANGE, KINDS, Objective
from rlcodec.observation import Goal, objective_scale
from rlcodec.photo.blocks import PLANES
from rlcodec.photo.planning import (
    ACTIONS,
    ENDING_PHASE,
    ENDINGS,
    LAYOUT_SIZE,
    RATE_RANGE,
    SETTING_PHASE,
    SETTINGS,
    SLICE_PHASE,
    STOP_ACTION,
    STOPS,
    PhotoPredictor,
    PhotoStanding,
    Prospect,
    distortions,
    expect,
    expect_after,
    legal_actions,
    observe,
)
from rlcodec.segments import MACS_PER_KMAC

SIMILARITY_TO_NOTHING = 0.0
"""MS-SSIM of an even gray and any picture, as good as none."""


class PictureEpisodes:
    """A batch of episodes on a trace of photographs.

    Attributes:
        image: int64 (B,), which picture each episode is about.
        done: bool (B,).
    """

    def __init__(self, trace: PictureTrace, predictor: PhotoPredictor, batch: int):
        if not len(trace):
            raise DataError("the trace has no images")
        self.trace, self.predictor, self.batch = trace, predictor, batch
        self.action_count, self.observation_size = ACTIONS, LAYOUT_SIZE
        areas = trace.areas.astype(np.float64)
        at_each = areas[:, None, None, None]
        mse = trace.sse / (PLANES * at_each)
        rate = 8 * trace.payload_bytes[..., 0] / at_each[..., 0]
        self.tables = Prospect(rate, trace.macs / MACS_PER_KMAC / at_each, distortions(mse, trace.ms_ssim))
        """What is measured: (n, settings, stops), (n, settings, stops, endings), (kinds, n, settings, stops, endings)."""
        self._mse = mse
        self._expected = expect(predictor, trace.features)
        self._after = self._known()
        nothing = [np.square(trace.picture(i).astype(np.int64) - MIDDLE).mean() for i in range(len(trace))]
        self._nothing_mse = np.array(nothing)
        self._nothing = distortions(self._nothing_mse, np.full(len(trace), SIMILARITY_TO_NOTHING))

        self.image = np.zeros(batch, np.int64)
        self.goal = Goal(np.zeros(batch, np.int64), np.ones(batch), np.zeros(batch))
        self.standing = PhotoStanding(*(np.zeros(batch, np.int64) for _ in range(3)))
        self.ending = np.zeros(batch, np.int64)
        self.done = np.ones(batch, bool)

    def _known(self) -> Prospect:
        """What the encoder expects of every setting once it has coded it: rows are pictures, then settings."""
        n, trace = len(self.trace), self.trace
        setting = np.tile(np.arange(SETTINGS), n)
        flat = [t.reshape(n * SETTINGS, *t.shape[2:]) for t in (trace.features, self.tables.rate, self.tables.kmac, trace.known_mse)]
        after = expect_after(self.predictor, flat[0], setting, *flat[1:])
        shape = (n, SETTINGS)
        return Prospect(
            after.rate.reshape(*shape, -1),
            after.kmac.reshape(*shape, *after.kmac.shape[1:]),
            after.quality.reshape(-1, *shape, *after.quality.shape[2:]),
        )

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Random pictures and objectives, as `reset` takes them."""
        kind = rng.integers(0, len(KINDS), count)
        low, high = np.array([RATE_RANGE[k] for k in KINDS])[kind].T
        rate = 10 ** rng.uniform(low, high)
        return rng.integers(0, len(self.trace), count), kind, rate, rate * 10 ** rng.uniform(*COMPUTE_RANGE, count)

    def reset(self, which: np.ndarray, image: np.ndarray, kind: np.ndarray, rate: np.ndarray, compute: np.ndarray) -> None:
        """Starts episodes `which` anew on given pictures and objectives; each argument int64 or float64 (len(which),)."""
        self.image[which] = image
        self.goal.kind[which], self.goal.rate[which], self.goal.compute[which] = kind, rate, compute
        for values in (self.standing.phase, self.standing.setting, self.standing.stop, self.ending):
            values[which] = 0
        self.done[which] = False

    def reset_to(self, objective: Objective, image: np.ndarray) -> None:
        """Starts all episodes under one objective."""
        n = len(image)
        kind = np.full(n, KINDS.index(objective.kind))
        self.reset(np.arange(n), image, kind, np.full(n, objective.lambda_rate), np.full(n, objective.lambda_compute))

    def _here(self) -> tuple[np.ndarray, ...]:
        return self.image, self.standing.setting, self.standing.stop, self.ending

    def objective_parts(self) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, (3, B)."""
        here, begun = self._here(), self.standing.phase != SETTING_PHASE
        quality = np.where(begun, self.tables.quality[self.goal.kind, *here], self._nothing[self.goal.kind, self.image])
        return np.stack([quality, begun * self.tables.rate[here[:3]], begun * self.tables.kmac[here]])

    def objective_values(self) -> np.ndarray:
        """J if each episode stopped now."""
        distortion, rate, compute = self.objective_parts()
        return distortion + self.goal.rate * rate + self.goal.compute * compute

    @property
    def mse(self) -> np.ndarray:
        """Mean squared error if each episode stopped now, float64 (B,)."""
        begun = self.standing.phase != SETTING_PHASE
        return np.where(begun, self._mse[self._here()], self._nothing_mse[self.image])

    def masks(self) -> np.ndarray:
        """Legal actions, bool (B, actions)."""
        return legal_actions(self.standing.phase)

    def legalise(self, action: np.ndarray) -> np.ndarray:
        """Actions with illegal ones replaced by the nearest legal one, the last."""
        return np.minimum(action, self.masks().sum(1) - 1)

    def step(self, action: np.ndarray) -> Outcome:
        """One step of every episode; those that are done stay as they are."""
        before = self.objective_values()
        action, standing, going = self.legalise(np.asarray(action, np.int64)), self.standing, ~self.done
        choosing = going & (standing.phase == SETTING_PHASE)
        between = going & (standing.phase == SLICE_PHASE)
        last = going & (standing.phase == ENDING_PHASE)
        standing.setting[choosing] = action[choosing]
        standing.stop[between] += action[between] != STOP_ACTION
        self.ending[last] = action[last]
        self.done |= last
        standing.phase[choosing] = SLICE_PHASE
        finished = standing.stop == len(STOPS) - 1
        standing.phase[(between & (action == STOP_ACTION)) | ((choosing | between) & finished)] = ENDING_PHASE
        reward = (before - self.objective_values()) / objective_scale(self.goal.rate, self.goal.compute)
        return Outcome(reward, self.done.copy())

    def observe(self, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Observations of all episodes or of some, float32 (B, size)."""
        image, setting = self.image[which], self.standing.setting[which]
        goal = self.goal.take(which)
        standing = PhotoStanding(*(getattr(self.standing, name)[which] for name in ("phase", "setting", "stop")))
        nothing = self._nothing[goal.kind, image]
        return observe(self._expected.take(image), self._after.take(image, setting), goal, standing, nothing)

    def actions_of(self, setting: int, stop: int, ending: int) -> tuple[int, ...]:
        """The actions that lead there."""
        go = [1] * stop + ([STOP_ACTION] if stop < len(STOPS) - 1 else [])
        return setting, *go, ending
