"""Labels for drawn faces, with CelebA's frequencies and correlations."""
