"""Which fields of the observation matter to a policy: permutation importance, as a loss of its share of the gap.

A field's values are shuffled across the episodes of other images at the same step: under the same objective, or, of fields that
describe the objective, under any. The mask is left as it is.
"""

from dataclasses import dataclass

import numpy as np
from common import bounds, held_out, policy_arguments, print_result

from rlcodec.agents.evaluate import has_gap, share_of_gap
from rlcodec.control.actor import Actor, best_legal
from rlcodec.control.decision_process import DecisionProcess
from rlcodec.control.objective import Objective, Objectives

MASK = "mask"
OF_OBJECTIVE = ("kind", "lambda_rate", "lambda_compute")


@dataclass(frozen=True)
class Shuffle:
    """What is shuffled.

    Attributes:
        first: index of the first shuffled value of the observation.
        length: number of shuffled values.
        across_objectives: whether values may come from episodes under other objectives.
        seed: of the permutations.
    """

    first: int = 0
    length: int = 0
    across_objectives: bool = False
    seed: int = 0


def run_grid(process: DecisionProcess, grid: list[Objective], actor: Actor, shuffle: Shuffle) -> np.ndarray:
    """Runs one episode for each image under each objective; returns J, float64 (objectives, images)."""
    rng, images = np.random.default_rng(shuffle.seed), process.image_count
    group = np.repeat(np.arange(len(grid)), images)
    parts = zip(*(process.spec.objectives_of(objective, images) for objective in grid), strict=True)
    objectives = Objectives(*(np.concatenate(part) for part in parts))
    state = process.initial(np.tile(np.arange(images), len(grid)), objectives)
    while not state.done.all():
        seen, running = process.observe(state), np.flatnonzero(~state.done)
        # Sorted by objective as `running` is, and at random within an objective.
        keys = (rng.random(len(running)), 0 * running if shuffle.across_objectives else group[running])
        fields = slice(shuffle.first, shuffle.first + shuffle.length)
        seen[running, fields] = seen[running[np.lexsort(keys)], fields]
        process.apply(state, best_legal(actor.logits(seen), process.legal(state)))
    return process.values(state).reshape(len(grid), images)


def main() -> None:
    """Measures and prints."""
    parser = policy_arguments(__doc__, images=500)
    parser.add_argument("--every", type=int, default=1, help="use every n-th objective of the grid")
    parser.add_argument("--seed", type=int, default=0, help="of the permutations")
    options = parser.parse_args()
    task, trace, policy = held_out(options)
    hindsight = task.hindsight(trace, policy.predictor)
    chosen = [
        (objective, fixed.mean(), oracle.mean())
        for number, (objective, fixed, oracle) in enumerate(bounds(hindsight))
        if number % options.every == 0 and has_gap(hindsight, objective, fixed, oracle)
    ]
    grid, fixed, oracle = (list(column) for column in zip(*chosen, strict=True))

    def share(shuffle: Shuffle) -> float:
        values = run_grid(hindsight.process, grid, policy, shuffle).mean(1)
        return float(share_of_gap(np.array(fixed), values, np.array(oracle)).mean())

    whole, lost, at = share(Shuffle()), {}, 0
    for name, length, _ in task.spec.layout:
        if name != MASK:
            lost[name] = whole - share(Shuffle(at, length, name in OF_OBJECTIVE, options.seed))
        at += length
    result = {"images": len(trace), "objectives": len(grid), "share of the gap with every field": whole}
    for name in sorted(lost, key=lost.__getitem__, reverse=True):
        result[f"lost without {name}"] = lost[name]
    print_result(options, result)


if __name__ == "__main__":
    main()
