"""The algorithms of sb3-contrib.

QR-DQN: Dabney et al., "Distributional Reinforcement Learning with Quantile Regression", 2018; it explores as DQN does.
MaskablePPO draws legal actions only: Huang and Ontañón, "A Closer Look at Invalid Action Masking", 2020.
"""

from sb3_contrib import QRDQN, MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy

from rlcodec.agents.actors import MeanQuantiles, masked
from rlcodec.agents.advised_policy import AdvisedHeads
from rlcodec.agents.algorithms.base import Algorithm, Network, whole
from rlcodec.agents.algorithms.stable_baselines import (
    DEFAULT_LAYERS,
    DQN_PARAMETERS,
    HIDDEN_LAYERS,
    PLAIN,
    PLAIN_NETWORK,
    PPO_PARAMETERS,
    advised_network,
)


class AdvisedMaskablePolicy(AdvisedHeads, MaskableActorCriticPolicy):
    """The advised networks for MaskablePPO."""


mean_values = masked(lambda policy: MeanQuantiles(policy.quantile_net))
QUANTILE_NETWORK = Network(PLAIN, mean_values, HIDDEN_LAYERS | {"n_quantiles": whole()}, DEFAULT_LAYERS | {"n_quantiles": 25})
MASKABLE_NETWORKS = (PLAIN_NETWORK, advised_network(AdvisedMaskablePolicy))
ALGORITHMS = (
    Algorithm("qrdqn", QRDQN, DQN_PARAMETERS, (QUANTILE_NETWORK,), "qrdqn.yml", log_interval=1000),
    Algorithm("maskable-ppo", MaskablePPO, PPO_PARAMETERS, MASKABLE_NETWORKS, "maskable-ppo.yml", imitates=True),
)
