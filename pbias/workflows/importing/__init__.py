"""Predictions of other programs as logits files: tables, and the paper's run folders."""
