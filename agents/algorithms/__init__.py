"""Learning algorithms, and the registry that training, export and the command line look them up in."""
