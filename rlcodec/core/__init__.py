"""Building blocks of every preset: range coder, integer networks, container, weights files and metrics."""
