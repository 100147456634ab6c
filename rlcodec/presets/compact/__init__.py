"""Preset `compact`: the binary auto-encoder of COMPACT (Rekhi), its latent coded channel by channel."""
