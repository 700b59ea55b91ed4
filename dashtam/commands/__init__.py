"""The operator's verbs: `python -m dashtam.commands.<verb>`."""
