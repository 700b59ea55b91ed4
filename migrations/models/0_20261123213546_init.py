"""The five tables, and the rules of the database that the models cannot express."""

from tortoise import BaseDBAsyncClient

from dashtam.database import rules

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return (
        """
        CREATE TABLE "users" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "email" VARCHAR(254) NOT NULL UNIQUE,
    "password_hash" TEXT NOT NULL
);
COMMENT ON TABLE "users" IS 'People who sign in.';
CREATE TABLE "providers" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "key" VARCHAR(64) NOT NULL UNIQUE,
    "name" VARCHAR(128) NOT NULL,
    "description" TEXT NOT NULL,
    "website" VARCHAR(255) NOT NULL,
    "authorization" VARCHAR(16) NOT NULL,
    "is_available" BOOL NOT NULL DEFAULT False
);
COMMENT ON COLUMN "providers"."authorization" IS 'How it lets us in.';
COMMENT ON COLUMN "providers"."is_available" IS 'Whether this release can connect to it.';
COMMENT ON TABLE "providers" IS 'The catalogue of providers; seeded, never edited by users.';
CREATE TABLE "provider_connections" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "alias" VARCHAR(100) NOT NULL,
    "status" VARCHAR(16) NOT NULL DEFAULT 'pending',
    "connected_at" TIMESTAMPTZ,
    "provider_id" UUID NOT NULL REFERENCES "providers" ("id") ON DELETE RESTRICT,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_provider_co_user_id_363315" UNIQUE ("user_id", "alias")
);
CREATE INDEX "idx_provider_co_provide_9bd3ac" ON "provider_connections" ("provider_id");
COMMENT ON COLUMN "provider_connections"."status" IS 'Where it stands: pending, active, expired, revoked or failed.';
COMMENT ON COLUMN "provider_connections"."connected_at" IS 'First became active.';
COMMENT ON TABLE "provider_connections" IS 'Standing links between users and providers.';
CREATE TABLE "provider_tokens" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "access_token_sealed" BYTEA NOT NULL,
    "refresh_token_sealed" BYTEA,
    "key_id" VARCHAR(32) NOT NULL,
    "expires_at" TIMESTAMPTZ,
    "refresh_expires_at" TIMESTAMPTZ,
    "scope" TEXT NOT NULL DEFAULT '',
    "version" INT NOT NULL DEFAULT 1,
    "connection_id" UUID NOT NULL UNIQUE REFERENCES "provider_connections" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_provider_to_key_id_b4185b" ON "provider_tokens" ("key_id");
COMMENT ON COLUMN "provider_tokens"."key_id" IS 'Which key seals both.';
COMMENT ON COLUMN "provider_tokens"."expires_at" IS 'Of the access token; null: never said.';
COMMENT ON COLUMN "provider_tokens"."refresh_expires_at" IS 'Of the refresh token; null: none, or never said.';
COMMENT ON COLUMN "provider_tokens"."scope" IS 'Space-separated, as granted (RFC 6749).';
COMMENT ON TABLE "provider_tokens" IS 'Sealed grants; opening one is visible in the code and bound to its row.';
CREATE TABLE "provider_audit_logs" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor" VARCHAR(128) NOT NULL,
    "action" VARCHAR(64) NOT NULL,
    "outcome" VARCHAR(16) NOT NULL,
    "user_id" UUID,
    "connection_id" UUID,
    "provider_id" UUID,
    "ip" VARCHAR(45),
    "user_agent" VARCHAR(512),
    "details" JSONB NOT NULL DEFAULT '{}'
);
CREATE INDEX "idx_provider_au_connect_e3f421" ON "provider_audit_logs" ("connection_id", "created_at");
CREATE INDEX "idx_provider_au_user_id_61d513" ON "provider_audit_logs" ("user_id", "created_at");
COMMENT ON COLUMN "provider_audit_logs"."actor" IS 'user:<id>, system, or anonymous.';
COMMENT ON COLUMN "provider_audit_logs"."action" IS 'Past tense, dotted: connection.activated.';
COMMENT ON COLUMN "provider_audit_logs"."outcome" IS 'succeeded, failed or denied.';
COMMENT ON COLUMN "provider_audit_logs"."ip" IS 'IPv4 or IPv6, as text.';
COMMENT ON COLUMN "provider_audit_logs"."details" IS 'Never holds a secret.';
COMMENT ON TABLE "provider_audit_logs" IS 'Append-only: UPDATE, DELETE and TRUNCATE are refused by triggers.';
CREATE TABLE "aerich" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "version" VARCHAR(255) NOT NULL,
    "app" VARCHAR(100) NOT NULL,
    "content" JSONB NOT NULL
);"""
        + rules.STEP_0
    )


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXO9z2jgT/lc0fGk6QzNNmiZ9k5ubIQl5y3stZBJyvbveDSdsAZoYybVkCNfL//7uyj"
    "YY/yCGQAIpXxKQdiX7WXu1+2jF91Jf2sxRuzeKeaVj8r0kaJ/Bh6n2MilR1520YoOmbccI"
    "+iBhWmhbaY9aGho71FEMmmymLI+7mkuBopdMug4jw54kincF4WIXFW1pgSYXXZSpEBfGk2"
    "IspUDshOgeI9S2PabguyJKS4/Z0EMcOWQesaiCfmGTNnOk6CqiJZGCEbw4M4cv+DeftbTs"
    "MhgKb/XrX9DMhc3umIq+uretDmeOPYUEt3EA097SI9e03dzUzi+MJF5/u2VJx++LibQ70j"
    "0pxuK+z+1d1MG+LhPMo5rZMaCE7zghoFFTcMXQoD2fjS/VnjTYrEN9B+Eu/dTxhYUoE5yp"
    "5WsOprNk36V6F1uOfg6vM6Zz/c05D77tvEKZwdHO61evSymr4aUljBQ2WVKgxbnQCOD3+2"
    "CKCVCmtYRznX2sXO28OzSju1Lprmc6DYyle6NINQ1UjTEm6FseQ6xaVKetcA49mvdZtiWm"
    "NRMWsUPV3ejDIpaJGiammTz4Ec4RfFPY1+Vw5zFQl+DW7IZwRuHTMAP6Zu1z9bpZ+XyJ0/"
    "WV+uYY5CrNKvbsm9ZRonUnsJSEtzl4x8eDkC+15keCX8kfjXo1ac+xXPOPEl4T9bVsCTls"
    "was7eXCj1ggvkJzY23ftBe09rbm19/PbO0InZvDw6if2Zn3KnbSpz3rUyzbzWCFhYcBrNd"
    "4106KtVr3RbF1Xm63WY+zap3cth4mu7sHX/fcHMwz7a+XKuFGQSlirHnbtB333U/i6VKmh"
    "9OxWj6peGucmu9PZOKcUl4P3wu/QchCf9eZUf2tOvTQRrjufK7+9nnpxPjXq/43EY3Y4+9"
    "Q4BfgxkujcxlYzbGhT63ZIAc6pntg6J4VgZg1XaSudhsoXv1wxh5p7ThskjNguPTngNvPO"
    "xgNurpkmrZHrQCjlvswDN93V3+8nW6igXXNLODfOlEAuKw4e982Mhd1QqmA83ISg1oLAx5"
    "FdnxHZIWP9E6IYs5ldJoINIL5lNgfbkfbIRLQqI2wWhAntjXAUHR/2GMJiiJOV5trHectE"
    "ethEu+DEuxTiaFSJCagy8cHoIARRNt4YuWWjbQy9jaG3MdU6xFTbGPrHsneRGBoc9DwRdC"
    "j+4uLnwyLh82F+9HyYCp7N/zmQjeRfRKg8De7e/ocC6IJULrymbxrf+JXNkZok1F4E2k+R"
    "mMShH7K2gphynqc7pvIiIE9m3+8LZd/vZ2Tf75MPOHjtnvT4PzT7EUesq8LvG7xrcHFUWC"
    "yFe2qQdUa/9FEOCdfEYVpBspLF8RdyN4dFvE1yzY05m8OkKbhq0QHlARwpS5xK6TAqcvKR"
    "hGoC/zborsoA45a4BXLSyS89k5dB/scV8Rjcj8JEUJCQW8BNEa4LmmMG/KeNxqcpf3RaSz"
    "qcm8+nVbCPMQ8IodeA5lq9uaVHNp4eiSE3gyiZxvdhyqSVsPDD7Mk1eEsbUCIOF7eKtJke"
    "MiYCgsTsBY7ZlDRd0gj3Bl/hVmJsGDLkumd2DiNlZGIG8Gw4QRdyKwrueNxPbN7pwL/2iF"
    "CHU5XHlHw1G6XmzlCs9NeWOtlSJ9tUurylTrb2fkbqJHDGcyRBY4V1DsIXzfHfvi0Sdb99"
    "mx92Y9903A3rq/ZzIH4495loPx3eJZeZiCC9aMU7UrG3xzDvMeGEOiahaJlADMMHMAG7c7"
    "mHOzoeG8hbZuM+TAeSCmavSYIUBmCLLXYJ3SW4v9BbrzpdveCe0hA8WhjUBbZ6fIa05l4w"
    "veyNo/D5os2E2jLDzrS5n5JYfkwwGQsm1NyIxlRWi+a6kJsPwJkiC6bRTUN7IT3Gu+IXNk"
    "otLNmEQFThupmQpigAaPbocJxHxh8ouHe4YxZwMWeV67PKebWU6QaWAGu8YGIj3/0HkU04"
    "vyl0r8AjX9XOmqX7fHJrLq5mYiMNwUMGlRxxYA3BmhL+FGfCmtGAa7EgL4cDW4DWCmCYwW"
    "iNcSpAZhkjFeWxGIUgkHQ9Cnd2QiREjkhHIQnFFRlwxbEIh4ugrgcmDQrdpQ9/DaOriCeH"
    "WZX0ZkikuJjlMa3K8AGnOjZjgw6W2pMJ74ahqetQKyisN59OyN8D5ino/BsEfYFzBTJ9Bl"
    "+2ZUFbbmvLdaxDlL/ltn4sexfitiyLKRWsRa3A9WfEDVxQb5TDdWUPkNz+HGmmNjeCztzh"
    "xHqJuJF/rVyd1uqVq9+zSy4i+bgBT39vViuJhNBjHejtPcIkeSMsaJP1jOme0iS3bJSZos"
    "8sn8vO0JdGSS4h2yl96XGrh6XbJuhTEC/q3kJE47v9AkTju/1cohG7piEPmFC1wDo0rbk5"
    "JGMjKMoP/Ckx7+6JGec4rO9XlBelgTd3gUpHJJE3W/yJyB5h456M8DYSjwakaea4xg/9jC"
    "gLMuL0Y5FfHTpWeMIdo3QOmGHraxfy5jeKudTMXyZUBSk6JNw7Vxdn5PDo4D+vl2DiVdSL"
    "hjRA2hA1kWOHmEbCEkjWrMgSe0lD7D0iNejirG/29w6ODj68Ozz4ACLmysYtRzOsEBS7ZW"
    "ywwVXMuSmQUnxaDmQzNgbmIVqzbJI2SESlzsl4P66ycB3M8SD1nXogs7cWlld7WPFtrqt4"
    "wLGUwdDGesuF6FmKCi1HdgtStBUXt/PfSOGMjsnNJa6LZXJe/VRtVg0Z27y6qZ9V8Itn1n"
    "JfBYc1Ae1uN/u8Jkxl6ei0pkuVDn7jBMm6Ntbtcq2Y0wkHM79nYvWo6DKMBzzWlwMU2f1T"
    "/CnwFCm3lZnbdcBqJPAcyhz9DE+F+trhAxzHcMiR9czFYxPuEsEHqk0Jg8vorYJrK5v+oK"
    "KBcJgKRYfUHDIVjCPb+0oFV0Odglzw1/TDE2MTQfhrfMsq3rVlkbcs8pZVfHYWGdyWzNgg"
    "nlExFymsc8WccTrHP3H75zJRI6VZPzwoL8WoL/20B3+2M3M0J1qZaYBNODh0CYsg0UzgSL"
    "bUGjcqJ2vFrqnNwqtcyBTLPxsKSyo48JwDdA8XNsbU19oqyres8KcogmpFfC1sJvja1C0+"
    "W5XV5pDnc9SsrUWS+iKRffYayxeJKnfnWQoD6YUc7hMRwrXLwQG6WPh/aBhCze6Kntmc9r"
    "QHRc4zH+QfZz5InWY2bhMSdJER6udjPq21xtgveGri/V6RHTKQykXa9CV/GUHDaptxbOJ/"
    "1416Ns4xlWQuxS1N/iUOVyvjXWMZbtvnjuZC7eK0GXnt9/uMx75utjh60kEiIyxYezwTjm"
    "DNZsKTpHfC4eAAc/6k2yqP4FaYx61eKYsCC3rKs+gvOpF5iPHKfxWWXO2Xu3uQudplbByE"
    "rmFtKdXlbCLk0y+5+zL5Djl/Y2atUo8F3fFqfsfDnSvMCMVfILorOSIIM+rMoCJ/sYupPP"
    "1i9zxB8ctYzO7/DzCIesE="
)
