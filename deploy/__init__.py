"""How the product is brought to a machine."""
