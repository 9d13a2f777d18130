"""Commands that make data sets and manifests."""
