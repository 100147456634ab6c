"""Many images or files at once."""
