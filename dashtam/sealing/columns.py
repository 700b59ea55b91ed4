"""Every column that holds something sealed: what its key is for, and which place its values are bound to."""

from typing import Final

from dashtam.sealing.cipher import Purpose, SealedColumn

ACCESS_TOKEN: Final = SealedColumn(
    "provider_tokens", "access_token_sealed", Purpose.PROVIDER_TOKENS, "provider_token:{row}:access"
)
REFRESH_TOKEN: Final = SealedColumn(
    "provider_tokens", "refresh_token_sealed", Purpose.PROVIDER_TOKENS, "provider_token:{row}:refresh"
)
SECOND_FACTOR: Final = SealedColumn(
    "second_factors", "secret_sealed", Purpose.SECOND_FACTORS, "second_factor:{row}:secret"
)
STORED_ANSWER: Final = SealedColumn(
    "stored_answers", "answer_sealed", Purpose.STORED_ANSWERS, "stored_answer:{user_id}:{row}"
)
"""Its rows are named by route and hash of the key, `<route>:<key_hash>`: an answer belongs to one request."""
VERIFIER: Final = SealedColumn("authorization_requests", "verifier_sealed", Purpose.VERIFIERS)
REVOKED_TOKEN: Final = SealedColumn("revocations", "token_sealed", Purpose.REVOCATIONS)
