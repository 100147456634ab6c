"""Steps a second of the batched environments on one core, with actions drawn from the legal ones beforehand."""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import time

import gymnasium
import numpy as np
from common import arguments, print_result

import rlcodec  # noqa: F401  registers the environments
from rlcodec.core.preset_ids import MNIST

STEPS, REPEATS = 60, 7


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--envs", type=int, default=1024, help="episodes side by side")
    parser.add_argument("--preset", default=MNIST.name, help="mnist or photo")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    env = gymnasium.make_vec("rlcodec/AdaptiveRateFlat-v0", num_envs=options.envs, preset=options.preset)
    env.reset(seed=0)
    # Of mnist tiers `table` and `context`, or the second and third budget: episodes that go on to the end.
    actions = np.random.default_rng(0).integers(1, 3, (STEPS, options.envs))
    rates = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        for step in range(STEPS):
            env.step(actions[step])
        rates.append(STEPS * options.envs / (time.perf_counter() - started))
    print_result(options, {"environments": options.envs, "steps a second, median": float(np.median(rates)), "repeats": REPEATS})


if __name__ == "__main__":
    main()
