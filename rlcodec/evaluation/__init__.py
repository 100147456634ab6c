"""Metrics, sweeps, figures and the demo."""
