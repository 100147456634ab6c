"""The bilevel images that MNIST's digits were downsampled from: their search, their coding, and the gray levels that they give."""
