"""From a model to a verdict: measure, find the former model, judge, explain, record."""
