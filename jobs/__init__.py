"""One file, one deployable job: wiring only."""
