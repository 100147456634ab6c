"""PPO's steps a second on the environment, against one that costs nothing, with the same agent, turn by turn in one run."""

import time
from dataclasses import replace

import numpy as np
import torch
from common import arguments, print_result

from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.ppo import new_agent
from rlcodec.envs.episodes import Episodes
from rlcodec.envs.prediction import fit_predictor
from rlcodec.envs.samples import sample_images
from rlcodec.envs.trace import build_trace
from rlcodec.envs.vector import TraceVecEnv
from rlcodec.model import load_model
from rlcodec.policy import geometry_of

ROLLOUTS, REPEATS = 3, 7


class FreeVecEnv(TraceVecEnv):
    """The same observations over and over: an environment that costs nothing."""

    def reset(self) -> np.ndarray:
        """The first observations, kept."""
        self._kept = super().reset()
        self._nothing = np.zeros(self.num_envs, np.float32), np.zeros(self.num_envs, bool), [{}] * self.num_envs
        return self._kept

    def step_wait(self):
        """The kept observations, no reward, no end."""
        return self._kept, *self._nothing


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--envs", type=int, default=256, help="episodes side by side")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    torch.distributions.Distribution.set_default_validate_args(False)
    model, trace = load_model(), build_trace(sample_images())
    predictor = fit_predictor(trace, geometry_of(model, 28, 28))
    settings = replace(read_settings(), n_envs=options.envs, device=options.device)
    agents = [new_agent(kind(Episodes(trace, model, predictor, options.envs)), settings) for kind in (TraceVecEnv, FreeVecEnv)]
    steps = ROLLOUTS * settings.n_steps * options.envs
    rates = []
    for _ in range(REPEATS + 1):
        pair = []
        for agent in agents:
            started = time.perf_counter()
            agent.learn(steps)
            pair.append(steps / (time.perf_counter() - started))
        rates.append(pair)
    ours, free = np.array(rates[1:]).T
    print_result(
        options,
        {
            "environments": options.envs,
            "steps a second, median": float(np.median(ours)),
            "with an environment that costs nothing": float(np.median(free)),
            "median of ratios": float(np.median(ours / free)),
            "repeats": REPEATS,
        },
    )


if __name__ == "__main__":
    main()
