"""Convert predictions of other programs to logits files: tables, and the paper's run folders."""
