"""Turn the rows of a manifest into batches of images."""
