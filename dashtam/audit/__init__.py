"""The audit trail: written once, chained, verified."""
