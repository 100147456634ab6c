"""PPO's steps a second on the environment, against one that costs nothing, with the same agent, in turns in one run."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from common import arguments, in_turns, print_result

from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.training import new_agent
from rlcodec.envs.batch import Episodes
from rlcodec.envs.sb3_vec_env import TraceVecEnv
from rlcodec.envs.tasks import task_of

ROLLOUTS, REPEATS = 3, 7


class FreeVecEnv(TraceVecEnv):
    """Returns the same observations at every step, which costs nothing."""

    def reset(self) -> np.ndarray:
        """The first observations, which are kept."""
        self._kept = super().reset()
        self._nothing = np.zeros(self.num_envs, np.float32), np.zeros(self.num_envs, bool), [{}] * self.num_envs
        return self._kept

    def step_wait(self):
        """The kept observations, no reward, and no end."""
        return self._kept, *self._nothing


def steps_per_second(
    preset: str, envs: int, agents: Sequence[tuple[type[TraceVecEnv], str]], repeats: int = REPEATS, rollouts: int = ROLLOUTS
) -> np.ndarray:
    """Steps a second of agents that learn in turns, float64 (repeats, agents).

    Args:
        preset: whose environment.
        envs: episodes side by side.
        agents: environment and device of each agent.
        repeats: trainings of each agent, after one that is not measured.
        rollouts: of a training.
    """
    torch.distributions.Distribution.set_default_validate_args(False)
    task = task_of(preset)
    trace = task.measure(task.samples())
    process = task.process(trace, task.fit(trace))
    settings = replace(read_settings(), n_envs=envs)
    steps = rollouts * settings.hyperparameters["n_steps"] * envs
    learners = (new_agent(kind(Episodes(process, envs)), replace(settings, device=device)) for kind, device in agents)
    runs = [partial(learner.learn, steps) for learner in learners]
    in_turns(runs, 1)  # whatever is compiled or allocated only once
    return steps / in_turns(runs, repeats)


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--envs", type=int, default=256, help="episodes side by side")
    parser.add_argument("--preset", default="mnist", help="whose environment")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    agents = [(kind, options.device) for kind in (TraceVecEnv, FreeVecEnv)]
    ours, free = steps_per_second(options.preset, options.envs, agents).T
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
