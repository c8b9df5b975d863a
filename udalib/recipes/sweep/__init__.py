"""Many runs: which there are to do, in what order, and processes that do them, several at a time."""
