"""Images in: from a manifest to batches."""
