"""Workflows: the work of each command, as typed functions for programs and notebooks."""
