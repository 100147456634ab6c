"""Preset `mnist`: 8-bit gray images of up to 64x64 pixels, from a few bytes to lossless."""
