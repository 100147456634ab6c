"""Preset `raster`: pictures of any size in gray or colour, with or without alpha, coded pixel by pixel, lossless or nearly."""
