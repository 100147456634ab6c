"""Registers the environments with Gymnasium, without importing it before anyone else does.

The runtime must not pull in Gymnasium, and yet `import rlcodec` has to be enough for `gymnasium.make`. So when Gymnasium
is not loaded yet, a finder waits for its import and registers right after it.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

ENVIRONMENTS = {
    "rlcodec/AdaptiveRate-v0": "rlcodec.envs.gym_env:AdaptiveRateEnv",
    "rlcodec/AdaptiveRateFlat-v0": "rlcodec.envs.gym_env:FlatEnv",
    "rlcodec/AdaptiveRateMO-v0": "rlcodec.envs.gym_env:MultiObjectiveEnv",
}
VECTOR_REWARD = "rlcodec/AdaptiveRateMO-v0"
VECTORS = {"rlcodec/AdaptiveRateFlat-v0": "rlcodec.envs.gym_vector_env:AdaptiveRateVectorEnv"}


def register() -> None:
    """Registers now when Gymnasium is loaded, else as soon as it is."""
    if "gymnasium" in sys.modules:
        _register_all()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _register_all() -> None:
    import gymnasium

    for name, entry_point in ENVIRONMENTS.items():
        if name not in gymnasium.registry:
            # The checker of rewards knows no vectors.
            gymnasium.register(
                name, entry_point=entry_point, vector_entry_point=VECTORS.get(name), disable_env_checker=name == VECTOR_REWARD
            )


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            sys.meta_path.insert(0, self)
            return None
        spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader):
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        _register_all()
