"""One pipeline for every log line, with secrets masked."""
