"""What compression puts at risk, said before it, and whether that was right."""
