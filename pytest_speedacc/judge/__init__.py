"""From numbers and bounds to a verdict: pure functions, no input or output."""
