"""Pure deciders: values in, values out; no clock, no disk, no processes."""
