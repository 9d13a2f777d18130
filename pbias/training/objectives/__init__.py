"""What training minimizes: losses of labels, of a teacher, and of groups."""
