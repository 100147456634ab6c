"""The task of preset `mnist`: its traces, the fit of its predictor, its decision process on traces, and the oracle."""
