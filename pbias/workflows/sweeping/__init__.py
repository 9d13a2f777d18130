"""A plan of many runs: read, turned into jobs, written as a Snakemake workflow and run."""
