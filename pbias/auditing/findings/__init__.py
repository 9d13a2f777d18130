"""What a reader of an audit must hear: what got worse, for whom, and what is not known."""
