"""PPO that draws legal actions only (Huang and Ontañón, "A Closer Look at Invalid Action Masking", 2020), from sb3-contrib."""

from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy

from rlcodec.agents.advised_policy import AdvisedHeads
from rlcodec.agents.algorithms.base import Algorithm
from rlcodec.agents.algorithms.on_policy import PLAIN_NETWORK, advised_network
from rlcodec.agents.algorithms.ppo import PARAMETERS


class AdvisedMaskablePolicy(AdvisedHeads, MaskableActorCriticPolicy):
    """The advised networks for MaskablePPO."""


NETWORKS = (PLAIN_NETWORK, advised_network(AdvisedMaskablePolicy))
ALGORITHM = Algorithm("maskable-ppo", MaskablePPO, PARAMETERS, NETWORKS, "maskable-ppo.yml", imitates=True)
