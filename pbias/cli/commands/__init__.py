"""One small module for each command: parse, call one workflow, print."""
