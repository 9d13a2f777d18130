"""Reports of audits: sections, tables, charts, pages and evidence."""
