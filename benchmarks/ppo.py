"""PPO's steps a second on the environment, against one that costs nothing, with the same agent, turn by turn in one run."""

import time
from dataclasses import replace

import numpy as np
import torch
from common import arguments, print_result

from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.ppo import new_agent
from rlcodec.core.preset_ids import MNIST
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import task_of

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
    parser.add_argument("--preset", default=MNIST.name, help="mnist or photo")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    torch.distributions.Distribution.set_default_validate_args(False)
    task = task_of(options.preset)
    trace = task.trace(task.samples(), None)
    predictor = task.fit(trace)
    settings = replace(read_settings(), n_envs=options.envs, device=options.device)
    agents = [new_agent(kind(task.episodes(trace, predictor, options.envs)), settings) for kind in (TraceVecEnv, FreeVecEnv)]
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
