"""Preset `photo`: pictures of any size in colour or gray, lossy, coded as cosine coefficients."""
