"""MongoDB in a container: how it starts, how one sees that it answers, what it is prepared with."""
