"""Charts as Vega-Lite specifications, made from audit tables."""
