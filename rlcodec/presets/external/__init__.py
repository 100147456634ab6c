"""Codecs outside of this package, known by what their settings cost and give: decisions about them, and policies that make these."""
