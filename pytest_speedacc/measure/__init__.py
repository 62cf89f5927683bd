"""Numbers about one model: score, latency, parameters, size and memory, and where they were taken."""
