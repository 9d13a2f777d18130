"""Commands that read logits."""
