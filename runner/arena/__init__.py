"""Arenas: where the inside of a run happens, and how it is started so that the machine never changes."""
