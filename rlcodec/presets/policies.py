"""Loading the policy of a preset: the shipped one, or a file."""

from pathlib import Path

from rlcodec.control.onnx_policy import OnnxPolicy, load_policy
from rlcodec.errors import OptionError
from rlcodec.options import PathLike
from rlcodec.presets.base import Preset


def policy_file(preset: Preset, path: PathLike | None) -> Path:
    """Where a policy is: at `path`, or the one shipped for a preset if that is None.

    Raises:
        OptionError: `path` is None, and none is shipped for this preset.
    """
    file = preset.shipped_policy if path is None else Path(path)
    if file is None:
        raise OptionError(
            f"no policy is shipped for preset {preset.name}; name the file of one that `rlcodec export` wrote (--policy)"
        )
    return file


def policy_of(preset: Preset, path: PathLike | None) -> OnnxPolicy:
    """Loads a policy for a preset, the shipped one if `path` is None.

    Raises:
        OptionError: `path` is None, and none is shipped for this preset.
        PolicyError: the file is missing or broken, or belongs to another codec.
    """
    return load_policy(policy_file(preset, path), preset.process_spec(), preset.read_predictor)
