"""The institutions that we can connect to: one folder each, behind one small protocol."""
