"""Which fields of the observation matter: the policy's share of the gap when one field tells of other episodes than its own.

What other episodes see at the same step stands in the field's place, of other images under the same objective; where the field
tells of the objective, of other objectives. So its values stay as likely as they were. The mask stays: all actions are legal.
"""

from pathlib import Path

import numpy as np
from common import arguments, held_out, print_result

from rlcodec.agents.evaluate import Chooser, contest_of, has_gap, share_of_gap
from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.preset_ids import MNIST
from rlcodec.envs.batch import Core, objective_arrays
from rlcodec.envs.tasks import task_of

MASK = "mask"
OF_OBJECTIVE = ("kind", "lambda_rate", "lambda_compute")


def run_grid(
    episodes: Core, grid: list[Objective], choose: Chooser, fields: slice = slice(0), across: bool = False, seed: int = 0
) -> np.ndarray:
    """Runs one episode for each image under each objective; returns J, float64 (objectives, images).

    Args:
        episodes: as many rows as there are pairs.
        grid: the objectives.
        choose: the policy.
        fields: what of an observation is replaced by the same of another episode.
        across: whether that may be of another objective.
        seed: of the permutations.
    """
    rng, images = np.random.default_rng(seed), episodes.batch // len(grid)
    which, group = np.arange(episodes.batch), np.repeat(np.arange(len(grid)), images)
    goals = (np.concatenate(part) for part in zip(*(objective_arrays(o, images) for o in grid), strict=True))
    episodes.reset(which, np.tile(np.arange(images), len(grid)), *goals)
    while not episodes.done.all():
        seen, going = episodes.observe(), np.flatnonzero(~episodes.done)
        # Sorted by objective as `going` is, and at random within it.
        other = going[np.lexsort((rng.random(len(going)), 0 * going if across else group[going]))]
        seen[going, fields] = seen[other, fields]
        episodes.step(choose(seen))
    return episodes.objective_values().reshape(len(grid), images)


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "", images=500)
    parser.add_argument("--preset", default=MNIST.name, help="mnist or photo; DATA may be a trace")
    parser.add_argument("--policy", type=Path, help="a policy file; the shipped one if not given")
    parser.add_argument("--every", type=int, default=1, help="take every so many-th objective of the grid")
    parser.add_argument("--seed", type=int, default=0, help="of the permutations")
    options = parser.parse_args()
    task = task_of(options.preset)
    policy = load_policy(options.policy, task.model)
    trace = held_out(options, task)
    contest = contest_of(task, trace, policy.predictor)
    bounds = []
    for objective in contest.grid[:: options.every]:
        fixed = contest.replay(objective, contest.fixed(objective).actions)
        best = np.array([plan.value for plan in contest.oracle(objective)])
        if has_gap(contest, objective, fixed, best):
            bounds.append((objective, fixed.mean(), best.mean()))
    grid, fixed, best = (list(values) for values in zip(*bounds, strict=True))
    episodes = task.episodes(trace, policy.predictor, len(trace) * len(grid))

    def share(fields: slice = slice(0), across: bool = False) -> float:
        found = run_grid(episodes, grid, lambda seen: policy.logits(seen).argmax(1), fields, across, options.seed)
        return float(share_of_gap(np.array(fixed), found.mean(1), np.array(best)).mean())

    whole, lost, at = share(), {}, 0
    for name, length, _ in task.layout:
        if name != MASK:
            lost[name] = whole - share(slice(at, at + length), name in OF_OBJECTIVE)
        at += length
    result = {"images": len(trace), "objectives": len(grid), "share of the gap with every field": whole}
    for name in sorted(lost, key=lost.__getitem__, reverse=True):
        result[f"lost without {name}"] = lost[name]
    print_result(options, result)


if __name__ == "__main__":
    main()
