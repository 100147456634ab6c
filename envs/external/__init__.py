"""Traces of codecs outside of this package, and the task of learning to choose their settings."""
