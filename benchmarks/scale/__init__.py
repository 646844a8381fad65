"""How cost grows with the size of a problem, and with the number of devices."""
