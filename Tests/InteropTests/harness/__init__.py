"""What the interoperability tests stand on: a network, the real programs, and monitors of several makes."""
