"""Train, prune and run vision networks, and audit what pruning did to whom."""

__version__ = "0.1.0"
