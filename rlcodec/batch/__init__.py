"""Coding of many images, in memory or from files to files, on all cores or a cluster."""
