"""Pretraining in torch: auto-encoder, raster-encoder networks, export to the runtime's integers."""
