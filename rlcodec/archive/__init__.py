"""Collections: many images of one preset in one file, written, read, packed from folders and unpacked into them."""
