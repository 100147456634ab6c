"""The report on codecs and policies: one self-contained HTML page, and figures for papers."""
