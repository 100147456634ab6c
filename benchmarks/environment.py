"""Steps a second of the batched environments on one core, with actions drawn from the legal ones beforehand."""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import gymnasium
import numpy as np
from common import arguments, print_result, seconds, use_one_core

import rlcodec.envs  # noqa: F401  registers the environments

STEPS, REPEATS = 60, 7


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--envs", type=int, default=1024, help="episodes side by side")
    parser.add_argument("--preset", default="mnist", help="whose environment")
    options = parser.parse_args()
    use_one_core()
    env = gymnasium.make_vec("rlcodec/AdaptiveRateFlat-v0", num_envs=options.envs, preset=options.preset)
    env.reset(seed=0)
    # Actions 1 and 2 go on: the tiers `table` and `context` of mnist, for instance.
    actions = np.random.default_rng(0).integers(1, 3, (STEPS, options.envs))

    def run() -> None:
        for step in range(STEPS):
            env.step(actions[step])

    rates = [STEPS * options.envs / seconds(run) for _ in range(REPEATS)]
    print_result(options, {"environments": options.envs, "steps a second, median": float(np.median(rates)), "repeats": REPEATS})


if __name__ == "__main__":
    main()
