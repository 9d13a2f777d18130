"""File formats that commands exchange, and safe reading and writing of files."""
