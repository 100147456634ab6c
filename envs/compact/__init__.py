"""The task of preset `compact`: its traces, the fit of its predictor, and its decision process on traces."""
