"""Inputs of workflows: logits files, arrays and data frames, with labels and groups."""
