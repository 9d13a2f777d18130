"""Labels that follow CelebA's frequencies and correlations."""
