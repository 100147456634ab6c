"""Training of preset `mnist`."""
