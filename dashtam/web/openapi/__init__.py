"""The OpenAPI document, and what each route promises beside its shapes."""
