"""Proximal policy optimization (Schulman et al., "Proximal Policy Optimization Algorithms", 2017)."""

from stable_baselines3 import PPO

from rlcodec.agents.algorithms.base import FRACTION, Algorithm, LearningRate, Number, whole
from rlcodec.agents.algorithms.on_policy import ADVISED_NETWORK, PLAIN_NETWORK

PARAMETERS = {
    "n_steps": whole(2),
    "batch_size": whole(2),
    "n_epochs": whole(),
    "learning_rate": LearningRate(),
    "gamma": FRACTION,
    "gae_lambda": FRACTION,
    "clip_range": Number(),
    "ent_coef": Number(),
    "vf_coef": Number(),
    "max_grad_norm": Number(),
}
ALGORITHM = Algorithm("ppo", PPO, PARAMETERS, (ADVISED_NETWORK, PLAIN_NETWORK), "ppo.yml", imitates=True)
