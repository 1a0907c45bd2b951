"""Everything that touches the machine or the sandbox; decides nothing."""
