"""Every public function of ngc-learn beside ours, on the same inputs: `nox -s parity`.

Each file holds the entries of one subpackage. An entry says that a function gives what
ours gives (`equal`), or it claims a row of a table of differences in the documentation
and proves it (`differs`).
"""
