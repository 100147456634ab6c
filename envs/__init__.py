"""Traces and the Gymnasium environments on them."""
