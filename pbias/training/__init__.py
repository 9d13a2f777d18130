"""Training: recipes, the training loop, and its states."""
