"""Policies: learning algorithms, training, export, baselines, evaluation, and validation of reported results."""
