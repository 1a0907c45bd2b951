"""What is written for people who were not there: reports, tables, status pages, bundles for an upstream issue."""
