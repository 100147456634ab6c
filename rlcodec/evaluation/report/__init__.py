"""The report: what commands measured and trained, as one page that needs no network, and as figures for papers."""
