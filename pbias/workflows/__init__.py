"""What a command does, as typed functions that a program or a notebook calls."""
