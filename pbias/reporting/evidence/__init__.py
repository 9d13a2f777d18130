"""Evidence from an audit: for a technical file, a model card and continuous integration."""
