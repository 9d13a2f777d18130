"""Which attributes each drawn face has: labels with CelebA's frequencies and correlations."""
