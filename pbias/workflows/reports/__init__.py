"""Pages and charts of audits."""
