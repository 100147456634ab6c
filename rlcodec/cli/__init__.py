"""The command `rlcodec`: one module for each group of commands."""
