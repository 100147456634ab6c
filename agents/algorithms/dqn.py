"""Deep Q-learning (Mnih et al., "Human-level control through deep reinforcement learning", 2015).

While it explores, an illegal action counts as the nearest legal one, as in every environment of rlcodec.
"""

from stable_baselines3 import DQN

from rlcodec.agents.actors import masked_values
from rlcodec.agents.algorithms.base import FRACTION, PLAIN, Algorithm, Layers, LearningRate, Network, Number, whole

PARAMETERS = {
    "learning_rate": LearningRate(),
    "buffer_size": whole(),
    "learning_starts": whole(0),
    "batch_size": whole(),
    "tau": FRACTION,
    "gamma": FRACTION,
    "train_freq": whole(),
    "gradient_steps": whole(),
    "target_update_interval": whole(),
    "exploration_fraction": FRACTION,
    "exploration_final_eps": FRACTION,
    "max_grad_norm": Number(),
}
NETWORK = Network(PLAIN, PLAIN, masked_values, {"net_arch": Layers()}, {"net_arch": [128, 128]})
ALGORITHM = Algorithm("dqn", DQN, PARAMETERS, (NETWORK,), "dqn.yml", log_interval=1000)
