"""Runs a policy for a codec outside of this package, without torch and without an environment."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import cast

import numpy as np

from rlcodec.control.actor import best_legal
from rlcodec.control.objective import SSIMULACRA2, Objective
from rlcodec.control.onnx_policy import check_objective, load_policy, metadata_of_policy
from rlcodec.errors import DataError, OptionError, PolicyError
from rlcodec.presets.external.process import (
    NAME_IN_FILES,
    ExternalMeasurements,
    ExternalPredictor,
    ExternalProcess,
    ExternalSpec,
    ExternalState,
)

Numbers = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class StopMeasurements:
    """What ending a stream at every stop costs and gives; one number for each stop.

    Attributes:
        rate_bpp: bits per pixel.
        mse: mean squared error on the scale 0 to 255.
        ms_ssim: MS-SSIM, if it was measured.
        decoder_kmac_per_pixel: compute of decoding; 0 if None.
        ssimulacra2: SSIMULACRA2, if it was measured.
    """

    rate_bpp: Numbers
    mse: Numbers
    ms_ssim: Numbers | None = None
    decoder_kmac_per_pixel: Numbers | None = None
    ssimulacra2: Numbers | None = None


class ExternalPolicy:
    """A policy that was trained on traces of a codec, to run beside its encoder.

    Args:
        path: of the file that `rlcodec train` wrote: policy.onnx in the folder of the run.

    Attributes:
        spec: of the codec.

    Raises:
        PolicyError: the file is missing or broken, or is for a preset.
    """

    def __init__(self, path: str | os.PathLike[str]):
        metadata = metadata_of_policy(path)
        if metadata["preset"] != NAME_IN_FILES:
            raise PolicyError(f"{path}: is for preset {metadata['preset']}; `rlcodec encode --policy` runs it")
        try:
            self.spec = ExternalSpec.from_json(metadata["spec"])
        except (ValueError, KeyError, TypeError, AttributeError, DataError) as error:
            raise PolicyError(f"{path}: not a policy file (its spec: {error})") from error
        self._process_spec = self.spec.process_spec()
        self._policy = load_policy(path, self._process_spec, lambda text: ExternalPredictor.from_json(text, self.spec))

    def choose(self, features: Numbers, objective: Objective) -> int:
        """The setting to code an image at.

        Args:
            features: of the image, in the order of `spec.features`.
            objective: what to minimise.

        Returns:
            Index of the setting.

        Raises:
            OptionError: there are other features, or the objective is outside of what the policy was trained for.
        """
        nothing = np.ones((1, len(self.spec.settings), len(self.spec.stops)))  # no measurement is observed before the choice
        process, state = self._start(features, objective, [nothing] * len(fields(StopMeasurements)))
        return self._decide(process, state)

    def choose_stop(self, features: Numbers, objective: Objective, setting: int, measured: StopMeasurements) -> int:
        """The stop at which to end a stream of the chosen setting.

        Args:
            features: as `choose` takes them.
            objective: what to minimise.
            setting: index of the chosen setting.
            measured: what ending at every stop costs and gives.

        Returns:
            Index of the stop.

        Raises:
            OptionError: as `choose`, or there is another number of stops, or no such setting.
        """
        if not 0 <= setting < len(self.spec.settings):
            raise OptionError(f"setting is {setting}; there are {len(self.spec.settings)}")
        process, state = self._start(features, objective, [self._at_stops(values) for values in vars(measured).values()])
        process.apply(state, np.array([setting]))
        while not state.done[0]:
            process.apply(state, np.array([self._decide(process, state)]))
        return int(state.stop[0])

    def _at_stops(self, values: Numbers | None) -> np.ndarray:
        """Values at every stop as a table, the same for every setting, float64 (1, settings, stops)."""
        stops = len(self.spec.stops)
        array = np.asarray(np.zeros(stops) if values is None else values, np.float64)
        if array.shape != (stops,):
            raise OptionError(f"measurements have shape {array.shape}; give one number for each of the {stops} stops")
        return np.broadcast_to(array, (1, len(self.spec.settings), stops))

    def _start(
        self, features: Numbers, objective: Objective, tables: Sequence[np.ndarray]
    ) -> tuple[ExternalProcess, ExternalState]:
        """The process and the first state of an episode; tables as `StopMeasurements`, float64 (1, settings, stops) each."""
        given = np.asarray(features, np.float64)
        if given.shape != (len(self.spec.features),) or not np.isfinite(given).all():
            raise OptionError(f"features have shape {given.shape} or are not finite; give {', '.join(self.spec.features)}")
        check_objective(objective, self._process_spec)
        rate_bpp, mse, ms_ssim, kmac, ssimulacra2 = tables
        scores = ssimulacra2 if SSIMULACRA2 in self.spec.kinds else None
        measured = ExternalMeasurements(given[None], np.ones(1, np.int64), rate_bpp, kmac, mse, ms_ssim, scores)
        process = ExternalProcess(self.spec, measured, cast(ExternalPredictor, self._policy.predictor))
        return process, process.initial(np.zeros(1, np.int64), self._process_spec.objectives_of(objective, 1))

    def _decide(self, process: ExternalProcess, state: ExternalState) -> int:
        return int(best_legal(self._policy.logits(process.observe(state)), process.legal(state))[0])
