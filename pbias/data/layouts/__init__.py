"""Adapters that turn published data sets into manifests."""
