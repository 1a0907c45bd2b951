"""What a run needs and the machine may lack: runsc, k3s, and a layer of packages for the arena's root."""
