"""The algorithms of Stable-Baselines3, with their hyperparameters and networks.

PPO: Schulman et al., "Proximal Policy Optimization Algorithms", 2017. A2C: Mnih et al., "Asynchronous Methods for Deep
Reinforcement Learning", 2016, synchronous. DQN: Mnih et al., "Human-level control through deep reinforcement learning", 2015;
while it explores, an illegal action counts as the nearest legal one, as in every environment of rlcodec.
"""

from operator import attrgetter

from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from rlcodec.agents.actors import PolicyLogits, masked
from rlcodec.agents.advised_policy import AdvisedPolicy
from rlcodec.agents.algorithms.base import FRACTION, Algorithm, Network, layers, learning_rate, number, whole

PLAIN = "MlpPolicy"
"""Stable-Baselines3's name of its plain networks."""
_RETURNS = {"gamma": FRACTION, "gae_lambda": FRACTION}
_LOSS = {"ent_coef": number(), "vf_coef": number(), "max_grad_norm": number()}
PPO_PARAMETERS = {
    "n_steps": whole(2),
    "batch_size": whole(2),
    "n_epochs": whole(),
    "learning_rate": learning_rate,
    **_RETURNS,
    "clip_range": number(),
    **_LOSS,
}
A2C_PARAMETERS = {"n_steps": whole(), "learning_rate": learning_rate, **_RETURNS, **_LOSS}
DQN_PARAMETERS = {
    "learning_rate": learning_rate,
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
    "max_grad_norm": number(),
}

HIDDEN_LAYERS, DEFAULT_LAYERS = {"net_arch": layers}, {"net_arch": [128, 128]}

PLAIN_NETWORK = Network(PLAIN, masked(PolicyLogits), HIDDEN_LAYERS, DEFAULT_LAYERS)
VALUE_NETWORK = Network(PLAIN, masked(attrgetter("q_net")), HIDDEN_LAYERS, DEFAULT_LAYERS)


def advised_network(policy_class: type[ActorCriticPolicy]) -> Network:
    """Networks that start from the planner's advice, by a class with `AdvisedHeads`."""
    return Network(policy_class, PolicyLogits, {"width": whole(), "advice": number()}, {"width": 128, "advice": 30.0})


ADVISED_NETWORK = advised_network(AdvisedPolicy)
ALGORITHMS = (
    Algorithm("ppo", PPO, PPO_PARAMETERS, (ADVISED_NETWORK, PLAIN_NETWORK), "ppo.yml", imitates=True),
    Algorithm("a2c", A2C, A2C_PARAMETERS, (PLAIN_NETWORK, ADVISED_NETWORK), "a2c.yml", imitates=True, log_interval=100),
    Algorithm("dqn", DQN, DQN_PARAMETERS, (VALUE_NETWORK,), "dqn.yml", log_interval=1000),
)
