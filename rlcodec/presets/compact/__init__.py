"""Preset `compact`: the auto-encoder of COMPACT (Rekhi), its binary latent coded by the raster-encoder."""
