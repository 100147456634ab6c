"""Policies for codecs outside of this package, whose choices were measured."""
