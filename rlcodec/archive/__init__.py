"""Collections: many images in one file."""
