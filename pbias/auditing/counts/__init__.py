"""From files to counts: joined, split by group and fold, reduced once."""
