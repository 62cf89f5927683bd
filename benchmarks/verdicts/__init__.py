"""How often is a verdict wrong? Measured on the machine at hand, with real workers and exact slow-downs."""
