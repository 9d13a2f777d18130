"""The measurements: numpy and the standard library only."""
