"""Shipped with the package, so that users and authors of connectors run it too: suites, oracle, generators of histories."""
