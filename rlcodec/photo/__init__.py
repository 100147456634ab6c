"""Preset `photo`: a block transform, a context network over its coefficients, and a synthesis that repairs what was lost."""
