"""How long this machine takes to decode: milliseconds per stage of the decoder, kept in a file, and what they predict.

Objectives count kMAC, which are the same everywhere; only a calibration turns them into milliseconds of one machine.
`rlcodec.evaluation.calibrate` measures one machine.
"""

import functools
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rlcodec.core.files import make_folder, write_bytes
from rlcodec.errors import DataError
from rlcodec.version import __version__

FORMAT = 1
VARIABLE = "RLCODEC_CALIBRATION"
FILE = "calibration.json"
AGAIN = "run `rlcodec calibrate`"
SYNTHESIS = "synthesis"
"""Stage that every preset has."""

Work = Mapping[str, tuple[float, float]]
"""What a decode does: by stage, its kMAC and its pixels. A stage that does not run is not there."""


@dataclass(frozen=True)
class DecodeSample:
    """A decode, or the first stages of one, that a calibration times.

    Attributes:
        work: of the decode, by stage.
        run: decodes.
    """

    work: Work
    run: Callable[[], object]


@dataclass(frozen=True)
class StageCost:
    """What a stage of a decoder takes.

    Attributes:
        fixed_ms: milliseconds of a decode in which it runs at all.
        ms_per_kmac: milliseconds for each kMAC.
        ms_per_pixel: milliseconds for each pixel, where the stage does what is not counted in MACs.
    """

    fixed_ms: float
    ms_per_kmac: float
    ms_per_pixel: float


@dataclass(frozen=True)
class Machine:
    """Whose milliseconds a calibration holds.

    Attributes:
        cpu: name of the processor.
        cores: that there are.
        rlcodec: version of it.
    """

    cpu: str
    cores: int
    rlcodec: str


@dataclass(frozen=True)
class Calibration:
    """Milliseconds that decoding takes on one machine.

    Attributes:
        machine: which.
        digests: of the models that ran, by preset.
        stages: costs by preset and stage.
    """

    machine: Machine
    digests: Mapping[str, str]
    stages: Mapping[str, Mapping[str, StageCost]]

    def predicted_ms(self, preset: str, digest: str, work: Work) -> float:
        """Milliseconds of a decode.

        Args:
            preset: name of the preset.
            digest: of its installed weights.
            work: of the decode, by stage.

        Raises:
            DataError: the calibration is of other weights, or lacks a stage.
        """
        if self.digests.get(preset) != digest:
            raise DataError(f"the calibration is of another model of preset {preset}; {AGAIN} again")
        total = 0.0
        for stage, (kmac, pixels) in work.items():
            cost = self.stages[preset].get(stage)
            if cost is None:
                raise DataError(f"the calibration lacks the stage {stage!r} of preset {preset}; {AGAIN} again")
            total += cost.fixed_ms + cost.ms_per_kmac * kmac + cost.ms_per_pixel * pixels
        return total

    def to_json(self) -> str:
        """As `load_calibration` reads it."""
        fields = asdict(self)
        return json.dumps({"format": FORMAT, **fields.pop("machine"), **fields}, indent=1) + "\n"


@functools.cache
def this_machine() -> Machine:
    """The machine that this runs on."""
    import platform

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return Machine(name, os.cpu_count() or 1, __version__)


def calibration_path() -> Path:
    """Where the calibration is kept: the file that RLCODEC_CALIBRATION names, or one in the user's cache."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("rlcodec") / FILE


def save_calibration(calibration: Calibration, path: Path | None = None) -> Path:
    """Writes a calibration, whole or not at all; its folder is made.

    Args:
        calibration: what to keep.
        path: `calibration_path()` when None.

    Returns:
        The file written.

    Raises:
        OutputError: it cannot be written.
    """
    file = path or calibration_path()
    make_folder(file.parent)
    write_bytes(file, calibration.to_json().encode())
    return file


def load_calibration(path: Path | None = None) -> Calibration:
    """Reads the calibration of this machine.

    Args:
        path: `calibration_path()` when None.

    Raises:
        DataError: it is missing, broken, or was made on another machine or by another version.
    """
    file = path or calibration_path()
    try:
        modified = file.stat().st_mtime_ns
    except OSError as error:
        raise DataError(f"{file}: this machine has no calibration yet; {AGAIN} first") from error
    calibration = _load(file, modified)
    if calibration.machine != this_machine():
        there, here = (f"{m.cpu}, {m.cores} cores, rlcodec {m.rlcodec}" for m in (calibration.machine, this_machine()))
        raise DataError(f"{file}: is the calibration of another machine ({there}; this is {here}); {AGAIN} again")
    return calibration


@functools.lru_cache(maxsize=8)
def _load(file: Path, modified: int) -> Calibration:
    try:
        fields = json.loads(file.read_bytes())
        if fields["format"] != FORMAT:
            raise DataError(f"{file}: has calibration format {fields['format']}; this rlcodec reads {FORMAT}; {AGAIN} again")
        machine = Machine(str(fields["cpu"]), int(fields["cores"]), str(fields["rlcodec"]))
        stages = {
            preset: {stage: StageCost(**{name: float(value) for name, value in cost.items()}) for stage, cost in of.items()}
            for preset, of in fields["stages"].items()
        }
        costs = [value for of in stages.values() for cost in of.values() for value in asdict(cost).values()]
        digests = {str(preset): str(digest) for preset, digest in fields["digests"].items()}
        if not all(math.isfinite(value) and value >= 0 for value in costs) or digests.keys() != stages.keys():
            raise ValueError("a cost makes no sense")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{file}: not a usable calibration ({type(error).__name__}); {AGAIN} again") from error
    return Calibration(machine, digests, stages)
