"""The processes of a live run: how they are started, spoken to and ended, and what runs in them."""
