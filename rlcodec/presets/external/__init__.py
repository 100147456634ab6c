"""Codecs outside of this package, known by what their settings cost and give: their decision process and their policies."""
