"""Training of preset `compact`."""
