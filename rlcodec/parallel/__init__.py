"""Running the same work on threads, processes or a Ray cluster."""
