"""Pages, charts and evidence of audits."""
