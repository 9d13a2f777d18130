"""Command modules: each parses options, calls one workflow, and prints."""
