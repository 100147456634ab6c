"""Distribution of work over threads, processes and machines."""
