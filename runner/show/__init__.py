"""What people see: tables and live progress. Pure rendering of results and events; no files, no decisions."""
