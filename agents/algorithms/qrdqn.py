"""QR-DQN (Dabney et al., "Distributional Reinforcement Learning with Quantile Regression", 2018), from sb3-contrib.

While it explores, an illegal action counts as the nearest legal one, as in every environment of rlcodec.
"""

from sb3_contrib import QRDQN

from rlcodec.agents.actors import masked_means
from rlcodec.agents.algorithms.base import PLAIN, Algorithm, Layers, Network, whole
from rlcodec.agents.algorithms.dqn import PARAMETERS

NETWORK_PARAMETERS = {"net_arch": Layers(), "n_quantiles": whole()}
NETWORK = Network(PLAIN, PLAIN, masked_means, NETWORK_PARAMETERS, {"net_arch": [128, 128], "n_quantiles": 25})
ALGORITHM = Algorithm("qrdqn", QRDQN, PARAMETERS, (NETWORK,), "qrdqn.yml", log_interval=1000)
