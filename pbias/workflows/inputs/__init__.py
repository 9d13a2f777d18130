"""What workflows read: files of logits, or arrays and data frames, with what is known of them."""
