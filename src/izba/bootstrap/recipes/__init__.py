"""One module for each family of images. A recipe has a `name` and `make(workshop, reference) -> StoredImage`."""
