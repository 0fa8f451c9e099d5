"""The steps from one schema to the next, run by store/migrate.py and by nothing else."""
