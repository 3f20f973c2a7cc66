"""What `check_view` is made of: from a view's own declaration to histories, ways to run them, and what fails.

In the order of the flow: `constants` and `fields` read the declaration, `worlds`, `values` and `stories` draw
histories, `ways` and `jobs` (between the `edges`) run and judge them, `purity` evaluates in two processes,
`shrinking` and `printing` make a failure a test of a few lines, `scenarios` is what such a test calls, `check` is the
loop.
"""
