"""Policies: PPO training, baselines and the oracle, evaluation, export."""
