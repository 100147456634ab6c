"""What the on-policy algorithms share: the networks that they train."""

from stable_baselines3.common.policies import ActorCriticPolicy

from rlcodec.agents.actors import PolicyLogits, masked_logits
from rlcodec.agents.advised_policy import AdvisedPolicy
from rlcodec.agents.algorithms.base import PLAIN, Layers, Network, Number, whole

PLAIN_NETWORK = Network(PLAIN, PLAIN, masked_logits, {"net_arch": Layers()}, {"net_arch": [128, 128]})


def advised_network(policy_class: type[ActorCriticPolicy]) -> Network:
    """Networks that start from the planner's advice, by a class with `AdvisedHeads`."""
    name = f"{policy_class.__module__}.{policy_class.__name__}"
    parameters = {"width": whole(), "advice": Number()}
    return Network(name, policy_class, PolicyLogits, parameters, {"width": 128, "advice": 30.0})


ADVISED_NETWORK = advised_network(AdvisedPolicy)
