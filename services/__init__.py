"""The four services. They share contracts and never import each other."""
