"""A cluster to use: the way in from outside its sandbox, its health, and where ``runner kubectl`` finds it."""
