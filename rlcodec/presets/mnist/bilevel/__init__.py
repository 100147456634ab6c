"""The bilevel images that MNIST's digits were downsampled from: how they are found, coded, and turned into gray levels."""
