"""Strangers on the client port and on the peer port, and what they may not do to a cluster."""
