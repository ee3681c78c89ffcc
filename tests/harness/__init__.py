"""Servers on loopback for tests and measurements: started, watched and ended by pid."""
