"""What lives as long as a run of pytest: collection, the live run, the end of the run."""
