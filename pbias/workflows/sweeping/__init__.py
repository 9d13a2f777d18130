"""Sweeps: read a plan of many runs, turn it into jobs, write a Snakemake workflow and run it."""
