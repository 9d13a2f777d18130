"""Gates: bounds on metrics that an audit passes, fails or cannot decide."""
