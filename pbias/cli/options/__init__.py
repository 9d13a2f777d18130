"""Option types that commands share."""
