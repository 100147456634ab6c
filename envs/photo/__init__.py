"""The task of preset `photo`: its traces, the fit of its predictor, and its decision process on traces."""
