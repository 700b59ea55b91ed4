"""The institutions that Dashtam can connect to: one folder each, behind one small protocol."""
