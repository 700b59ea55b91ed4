"""One project on this machine: env files, ports, certificates, record, lock."""
