"""Commands about pbias itself."""
