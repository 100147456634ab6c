"""Training of preset `raster`."""
