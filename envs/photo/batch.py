"""The batched core for photographs: many episodes at once on the tables of a `PictureTrace`.

The reward of a step is what it takes off the objective, see `rlcodec.envs.batch`.
"""

from collections.abc import Callable, Sequence

import numpy as np

from rlcodec.control.observation import Goal, objective_scale
from rlcodec.control.regressor import distortions
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.envs.batch import Outcome, Spent
from rlcodec.envs.photo.trace import KNOWN_FIRST, MIDDLE, PictureTrace, trace_picture, unmeasured_trace
from rlcodec.envs.table_process import PictureCore, in_turns
from rlcodec.errors import DataError
from rlcodec.presets.photo.decisions import (
    ACTIONS,
    ENDING_PHASE,
    LAYOUT_SIZE,
    RATE_RANGE,
    SETTING_PHASE,
    SIMILARITY_TO_NOTHING,
    SLICE_PHASE,
    STOP_ACTION,
    STOPS,
    PhotoPredictor,
    PhotoStanding,
    Prospect,
    expect,
    expect_after,
    legal_actions,
    nothing_sent,
    observe,
)
from rlcodec.presets.photo.transform import PLANES
from rlcodec.presets.photo.weights import load_photo_model


class PictureEpisodes(PictureCore):
    """A batch of episodes on a trace of photographs.

    Args:
        trace: the tables.
        predictor: what the encoder expects; or several, which take turns with the pictures, see `fit_unseen`.
        batch: how many episodes.
    """

    rate_range = RATE_RANGE
    trace: PictureTrace

    def __init__(self, trace: PictureTrace, predictor: PhotoPredictor | Sequence[PhotoPredictor], batch: int):
        if not len(trace):
            raise DataError("the trace has no images")
        self.trace, self.batch = trace, batch
        self._predictors = [predictor] if isinstance(predictor, PhotoPredictor) else list(predictor)
        self.action_count, self.observation_size = ACTIONS, LAYOUT_SIZE
        nothing = [np.square(trace.picture(i).astype(np.int64) - MIDDLE).mean() for i in range(len(trace))]
        self._nothing_mse = np.array(nothing)
        self._nothing, self._nothing_known = nothing_sent(self._nothing_mse), nothing_sent(trace.energy)
        self._expected = self._predicted(expect, trace.features)
        self._take_tables()

        self.goal = Goal(np.zeros(batch, np.int64), np.ones(batch), np.zeros(batch))
        self.standing = PhotoStanding(*(np.zeros(batch, np.int64) for _ in range(4)))
        self.ending = np.zeros(batch, np.int64)
        self.done = np.ones(batch, bool)

    def _take_tables(self) -> None:
        """Turns the trace's tables into D, R and C, and into what the encoder expects once it has coded."""
        trace = self.trace
        areas = trace.areas[:, None, None, None].astype(np.float64)
        self._mse = trace.sse / (PLANES * areas)
        self.tables = Prospect(
            8 * trace.payload_bytes[..., 0] / areas[..., 0],
            trace.macs / MACS_PER_KMAC / areas,
            distortions(self._mse, trace.ms_ssim),
        )
        """What is measured: (n, settings, stops), (n, settings, stops, endings), (kinds, n, settings, stops, endings)."""
        self._after = self._predicted(expect_after, trace.features, self.tables.rate, self.tables.kmac, trace.known_mse)

    def _predicted(self, predict: Callable[..., Prospect], *tables: np.ndarray) -> Prospect:
        """Predictions from tables whose first axis is pictures; the predictors take turns with them."""
        turns = in_turns(self._predictors, len(self.trace))
        found = [predict(predictor, *(table[which] for table in tables)) for predictor, which in turns]
        back = np.argsort(np.concatenate([which for _, which in turns]))
        return Prospect(
            np.concatenate([f.rate for f in found])[back],
            np.concatenate([f.kmac for f in found])[back],
            np.concatenate([f.quality for f in found], 1)[:, back],
        )

    def reset(self, which: np.ndarray, image: np.ndarray, kind: np.ndarray, rate: np.ndarray, compute: np.ndarray) -> None:
        """Starts episodes `which` anew on given pictures and objectives; each argument int64 or float64 (len(which),)."""
        super().reset(which, image, kind, rate, compute)
        self.ending[which] = 0

    def _here(self) -> tuple[np.ndarray, ...]:
        return self.image, self.standing.setting, self.standing.stop, self.ending

    def objective_parts(self) -> np.ndarray:
        """D, R in bits per pixel and C in decoder kMAC per pixel if each episode stopped now, (3, B)."""
        here, begun = self._here(), self.standing.phase != SETTING_PHASE
        quality = np.where(begun, self.tables.quality[self.goal.kind, *here], self._nothing[self.goal.kind, self.image])
        return np.stack([quality, begun * self.tables.rate[here[:3]], begun * self.tables.kmac[here]])

    def spent(self) -> Spent:
        """Where the episodes stand."""
        begun, here = self.standing.phase != SETTING_PHASE, self._here()
        _, rate, kmac = self.objective_parts()
        bits = begun * 8.0 * self.trace.payload_bytes[here]
        mse = np.where(begun, self._mse[here], self._nothing_mse[self.image])
        similar = np.where(begun, self.trace.ms_ssim[here], SIMILARITY_TO_NOTHING)
        return Spent(bits, rate, kmac, mse, similar)

    def masks(self) -> np.ndarray:
        """Legal actions, bool (B, actions)."""
        return legal_actions(self.standing.phase)

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
        standing = PhotoStanding(*(values[which] for values in vars(self.standing).values()))
        nothing = self._nothing_known[goal.kind, image]
        return observe(self._expected, self._after.take(image, setting), goal, standing, nothing)

    def actions_of(self, setting: int, stop: int, ending: int) -> tuple[int, ...]:
        """The actions that lead there."""
        go = [1] * stop + ([STOP_ACTION] if stop < len(STOPS) - 1 else [])
        return setting, *go, ending


class LivePictures(PictureEpisodes):
    """An episode on one picture, uint8 (height, width, 3), whose settings are measured when they are chosen."""

    def __init__(self, picture: np.ndarray, predictor: PhotoPredictor):
        self._measured: set[int] = set()
        super().__init__(unmeasured_trace(picture), predictor, 1)

    def step(self, action: np.ndarray) -> Outcome:
        """As `PictureEpisodes.step`."""
        if not self.done[0] and self.standing.phase[0] == SETTING_PHASE:
            self._measure(int(self.legalise(np.asarray(action))[0]))
        return super().step(action)

    def _measure(self, setting: int) -> None:
        if setting in self._measured:
            return
        self._measured.add(setting)
        tables = trace_picture(load_photo_model(), self.trace.picture(0), (setting,))
        for name, table in tables.items():
            if name not in KNOWN_FIRST:
                getattr(self.trace, name)[0, setting] = table[setting]
        self._take_tables()
