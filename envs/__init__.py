"""The decisions of presets as something to learn: traces, tasks, and environments.

Importing this package registers the environments with Gymnasium if Gymnasium is installed: write `import rlcodec.envs`, or
`gymnasium.make("rlcodec.envs:rlcodec/AdaptiveRate-v0")`. `import rlcodec` registers them only if Gymnasium was imported before.
"""

import importlib.util

ENTRY_POINTS = {
    "rlcodec/AdaptiveRate-v0": "rlcodec.envs.gym_env:AdaptiveRateEnv",
    "rlcodec/AdaptiveRateFlat-v0": "rlcodec.envs.gym_env:FlatEnv",
    "rlcodec/AdaptiveRateMO-v0": "rlcodec.envs.gym_env:MultiObjectiveEnv",
}
VECTOR_ENTRY_POINTS = {"rlcodec/AdaptiveRateFlat-v0": "rlcodec.envs.gym_vector_env:AdaptiveRateVectorEnv"}
UNCHECKED = {"rlcodec/AdaptiveRateMO-v0"}
"""Gymnasium's checker refuses rewards that are vectors."""


def register() -> None:
    """Registers the environments with Gymnasium, those that are not registered yet."""
    import gymnasium

    for name in ENTRY_POINTS.keys() - gymnasium.registry.keys():
        gymnasium.register(
            name,
            entry_point=ENTRY_POINTS[name],
            vector_entry_point=VECTOR_ENTRY_POINTS.get(name),
            disable_env_checker=name in UNCHECKED,
        )


if importlib.util.find_spec("gymnasium") is not None:
    register()
