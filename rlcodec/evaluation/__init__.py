"""Comparison of codecs: rate, distortion and times on images, published tables, figures, the report, and the demo."""
