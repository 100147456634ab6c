"""Training of preset `photo`."""
