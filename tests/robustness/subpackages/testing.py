"""Entries of `ngcx.testing`."""

EXEMPT = {
    name: "for tests, with tests of its own"
    for name in (
        "activations",
        "arrays",
        "check_cell",
        "check_derivative",
        "check_module",
        "floats_for",
        "initializers",
        "keys",
        "surrogates",
        "tolerance",
    )
}
ENTRIES = {}
