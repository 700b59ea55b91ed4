"""Charles Schwab: brokerage accounts in the United States."""
