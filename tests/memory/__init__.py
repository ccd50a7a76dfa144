"""The stores in memory, held to the same suites as the real ones."""
