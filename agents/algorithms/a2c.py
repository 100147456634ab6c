"""Advantage actor-critic (Mnih et al., "Asynchronous Methods for Deep Reinforcement Learning", 2016), synchronous."""

from stable_baselines3 import A2C

from rlcodec.agents.algorithms.base import FRACTION, Algorithm, LearningRate, Number, whole
from rlcodec.agents.algorithms.on_policy import ADVISED_NETWORK, PLAIN_NETWORK

PARAMETERS = {
    "n_steps": whole(),
    "learning_rate": LearningRate(),
    "gamma": FRACTION,
    "gae_lambda": FRACTION,
    "ent_coef": Number(),
    "vf_coef": Number(),
    "max_grad_norm": Number(),
}
ALGORITHM = Algorithm("a2c", A2C, PARAMETERS, (PLAIN_NETWORK, ADVISED_NETWORK), "a2c.yml", imitates=True, log_interval=100)
