"""The files that stages exchange."""
