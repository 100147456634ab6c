"""Preset `compact`: the convolutional auto-encoder COMPACT, its binary latent coded by the raster-encoder."""
