"""Measurements and inference, with numpy and the standard library only."""
