"""The command line: words in, results on stdout, everything else on stderr, exit code by the contract."""
