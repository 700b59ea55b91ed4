"""Roles of users, codes sent by mail, sessions and their tokens, second factors and recovery codes."""

from tortoise import BaseDBAsyncClient

from dashtam.database import rules

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return (
        """
        CREATE TABLE "one_time_codes" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "purpose" VARCHAR(16) NOT NULL,
    "email" VARCHAR(254) NOT NULL,
    "code_hash" VARCHAR(64) NOT NULL UNIQUE,
    "password_hash" TEXT,
    "expires_at" TIMESTAMPTZ NOT NULL
);
CREATE INDEX "idx_one_time_co_expires_21b453" ON "one_time_codes" ("expires_at");
CREATE INDEX "idx_one_time_co_email_5666eb" ON "one_time_codes" ("email", "purpose");
COMMENT ON COLUMN "one_time_codes"."purpose" IS 'registration or password_reset.';
COMMENT ON COLUMN "one_time_codes"."code_hash" IS 'SHA-256, in hexadecimal.';
COMMENT ON COLUMN "one_time_codes"."password_hash" IS 'What the user to be made shall sign in with.';
COMMENT ON TABLE "one_time_codes" IS 'Codes that were sent by mail: hashed, expiring, used once.';
        CREATE TABLE "sessions" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "kind" VARCHAR(16) NOT NULL,
    "name" VARCHAR(100) NOT NULL,
    "scopes" VARCHAR(64) NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "last_seen_at" TIMESTAMPTZ NOT NULL,
    "ip" VARCHAR(45),
    "user_agent" VARCHAR(512),
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_sessions_expires_6bcc94" ON "sessions" ("expires_at");
CREATE INDEX "idx_sessions_user_id_80072d" ON "sessions" ("user_id");
COMMENT ON COLUMN "sessions"."kind" IS 'browser, program or personal.';
COMMENT ON COLUMN "sessions"."name" IS 'As the user calls it.';
COMMENT ON COLUMN "sessions"."scopes" IS 'Space-separated: read, write.';
COMMENT ON COLUMN "sessions"."expires_at" IS 'Whatever happens until then.';
COMMENT ON COLUMN "sessions"."last_seen_at" IS 'To the minute.';
COMMENT ON TABLE "sessions" IS 'Who is signed in; deleting a row signs out.';
        CREATE TABLE "session_tokens" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "kind" VARCHAR(16) NOT NULL,
    "token_hash" VARCHAR(64) NOT NULL UNIQUE,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "used_at" TIMESTAMPTZ,
    "session_id" UUID NOT NULL REFERENCES "sessions" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_session_tok_session_2340f6" ON "session_tokens" ("session_id");
COMMENT ON COLUMN "session_tokens"."kind" IS 'access or refresh.';
COMMENT ON COLUMN "session_tokens"."token_hash" IS 'SHA-256, in hexadecimal.';
COMMENT ON COLUMN "session_tokens"."used_at" IS 'When a refresh token was exchanged.';
COMMENT ON TABLE "session_tokens" IS 'Hashes of the tokens that prove a session.';
        CREATE TABLE "second_factors" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "secret_sealed" BYTEA NOT NULL,
    "key_id" VARCHAR(32) NOT NULL,
    "confirmed_at" TIMESTAMPTZ,
    "last_step" BIGINT,
    "user_id" UUID NOT NULL UNIQUE REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_second_fact_key_id_c77f4f" ON "second_factors" ("key_id");
COMMENT ON COLUMN "second_factors"."key_id" IS 'Which key seals it.';
COMMENT ON COLUMN "second_factors"."confirmed_at" IS 'From then on it is asked for.';
COMMENT ON COLUMN "second_factors"."last_step" IS 'Half minutes since 1970; never taken again.';
COMMENT ON TABLE "second_factors" IS 'Authenticator apps of users, one each.';
        CREATE TABLE "recovery_codes" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "code_hash" VARCHAR(64) NOT NULL UNIQUE,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_recovery_co_user_id_d439e4" ON "recovery_codes" ("user_id");
COMMENT ON COLUMN "recovery_codes"."code_hash" IS 'SHA-256, in hexadecimal.';
COMMENT ON TABLE "recovery_codes" IS 'Codes for users who lost their authenticator app, used once.';
        ALTER TABLE "users" ADD "role" VARCHAR(16) NOT NULL DEFAULT 'user';
        COMMENT ON COLUMN users."role" IS 'What they may do.';
"""
        + rules.STEP_2
    )


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXVtz27YS/isYvcSZUTyxfK3d6Yzs2LVPE9tjK03btKNAJCRhTBEqQVrRyfF/P7sAKf"
    "EqUVdTNl8SC8CC5C4uux92Fz8qPWEyS25/lsypHJMfFZv2GPwRKa+SCu33x6VY4NKWpRp6"
    "0EKV0JZ0HWq4UNimlmRQZDJpOLzvcmFj01sm+hYjg64gkndswu1tJDSFAZTc7mCbOulDf8"
    "IetZLQ7IS4XUaoaTpMwm9JpCscZkINscSAOcSgEuptk7SYJeyOJK4gwmYEX66quupSSfqO"
    "eEQqVz3Ws/m/Hmu6osOgd/z6r/9AMbdN9p3J4Gf/odnmzDIjzOEmdqDKm+6wr8o+f776cK"
    "Fa4ie1moawvJ49bt0ful1hj5p7Hje3kQbrOsxmDnWZGeKd7VmWz+OgSL8xFLiOx0avao4L"
    "TNamnoUSqPzc9mwDGU/wSU3P5SBNQ/T61N3GksNf/PcM0dz/a33Qv7beYJvHw623b95WEo"
    "LEV4vJzS8yhI2DgNsuMvDHk37EmFGqtILPOrus323tHqje+0K6HUdVKjZWnhQhdakmVcIY"
    "c99wGPKqSd2kFD5Ajct7LF0SUcqYREyfdDv4Yx7JBAVj0YznQsDngH0R3l+LwdYirK7Ap5"
    "k3tjX0R8ME1jeuPp3fN+qfbvFxPSn/tRTn6o1zrKmp0mGsdEtLSsAE19N+1An5ctW4JPiT"
    "/HVzfR6X56hd468KvhP1XNG0xaAJs3k8cIPSgF/Qcixvr2/OKe8oZSnv55d3wJ2QwP23H8"
    "ub9Si3kqI+61InXcwjgpiEgV+rWV1TJdpsXt80mvfnjWZzEbn26PemxeyO24Wftf29CYL9"
    "vX6nllFoFZPWtV9V03VPEf72qZQD4ZhN2BO7ST432Hc3nc8JwuXwe+45tByOT5o55380Ip"
    "Mm4OvWp/ofbyMT5+PN9a9B85Aczj7enMbY7wiLpY/uc9vrKc5fwQtS22AJCQS062O80u+S"
    "qsKoNKrhfelSF3W1IenRITFFQr/LM+h3DnKM+Z34AjUe8lj19ITKW/shpEBgQYsaDwMKIz"
    "hSE1IthG0zpTbJpIhOfeKL3+6YRdUnJ0Xh6823oGpykzlnow43d2aMS9NWawkq+eL8Qjvj"
    "Xvf0UhnlMAPMD2cIzeAxi7Hrzu/rDH6+JH7hHBU1kTVro1XhMQhdwaQG61M42Zy9sVlDwD"
    "/T+XuvOrwY9TeFv76CsBHs7dV6Mfb2qE076i2xOySOLWKVFGBgVFedBA70/VY5AYIGWPkG"
    "mH2W6HiMiDYZ0Z8QyZjJzCqxGQx8wkwO0iCtoTLxZQqOYBNmu84Qe3HD3R4TisiDdLnr4X"
    "OrRDhYRDugwnYoCBxJQg1klXggR2hEpPow8sCGJYJQIgilRVkEi7JEEF6XvPMgCLBAz4If"
    "+M1fHHpwkAc8OMjGDg4S0IH6fwbOBu1fBFAQs1JrR3nM1NpRtp2KdVH+ht8sweZsYCZG9i"
    "K4vW5YZsBaEnTKWUZ3iORFsDyOPe7nwh73J2CP+/EBDqt2Vzj8vzR9iOdDwRKdFJn7lUsx"
    "INwlFnMlGCtph57rA8XCouCySR8p1+xISOJUCItRO8MeiZHG+N8C2lUJYFQSlkCGOfmlq+"
    "wysP+4JA6D75FoCNrEh/nwlNg/DF5oPTq9ufkYWY9Or+ILzudPp+cgHyUeaISrBhRfXTdK"
    "pLI4gNKc8EiIcxOAkih/p0MmzZiEp6Mn97BamsAlYnH7QZIWcweM2RogUc4RIzQlCZfc+M"
    "4Sb9C3ItQNGXC3q1wpAmJEYh5hbFi6CrEVCV88qicmb7fhv9aQUItTmYWUfB2dIahmlX9K"
    "6KSETkpTulpCJ6W8nxE60YvxDEbQiKDISvi8Nv7793m07vfvs9VurIvq3bC/ul4Gi6fbPm"
    "PqNfoA9JnSCJKbVrgioXs7DO0epU7IY+I3rRLQYfgjPIB973MHT3Qc9igemInnMG0wKphZ"
    "EAPJV8Dm2+xitEtY/tZzyFi54I50QXk0UKnTslrcQir4Kpjc9kZa+GzaZoxsmWpnUtzrBJ"
    "YXUSZDyoScmaMhktVysyjg5hR2JsCCKHeTrL0QDuMd+zc2TGws2a44m8vSBAQAxQ4djOzI"
    "8ICCb4cvZhqLOavfn9U/nFdSl4ElsDXsMLGRc38qZ2OLX4S7d7Ai312dNSpP2eDWnM4/Li"
    "gPKVDy7E4/gYQaQYeF2JCfzetHs2ECojXiUw4wSwkpL47FKCiBpONQ+LITIkBzRDgKQSgu"
    "ySOXHJ1wuK39euChOvJHePCvQnQlccQgLbRIdYkQFzMc5soq/IGPOlZ9Aw3GHpEx7oaqad"
    "+iho40Un+dkG+PzEE3xW/Q0LPxWbpNj8GP0i2oxLZKrKMIWn6Jbb0ueefCtgyDSan3oqZe"
    "+lP0Bm5TZ5iBdaV3ED/+HLrav3szNejUE070lwgL+ff63enVdf3uz3SXi6B9WICnfzbO6/"
    "FYGNaG2u4CIsnqYU6ZFFOnW6dIHtgw1USf6D6XbqEvDZJcgrVT+dLlRhddt5XSJ0FfdLtz"
    "AY27tRxA424tE2jEqijLNRIq59iHopSbAzLeaKd8vZ4SNXdPVD/Hvn+/pDwvDLy5G1RSIw"
    "lWs/lHRHoPGzcy/M+IDQ0w01S4xqseI9IAizg5LLK9Q0cEazwxStqAKbK+74Pd/E6yPlXP"
    "rxIqtYkOBvfW3cUZOTjc++ntEkS8Cn9RHwZICuLKzpBDiCImCQRrViSJnbggdhYwDTr41H"
    "e1nb3DvaPdg70jaKLebFRyOEEK2tkt5YAN3mLGQ4EE4XoxkM04GJgFaE2TSVIgAZQ6I+K9"
    "mGdhEcQxFfpODMj0o4Xl+R7WPZO75xjgWElBaEO11VzwLEWCpiU6OSHaeh+P898J2xoek8"
    "+3uC9WyYfzj+eNcwXGNu4+X5/V8Yej9nJP6mBN4Hankx6vSTB6N4jW7FPp6qRPCNa10G+X"
    "u5JZbb8zleDJ6FK7w1AfcFhPPGKT7b/tv22MIuWmVM/uWyA1olcOqUI//ahQz7X4I/ajMO"
    "RAeurlsQhPieAP6ioXhj6jDxLerarqtUcD4fAobDqgKsjUZhzR3jdSvw21tsk3yWAMwxz5"
    "pui+YdqMb+q1UJqIKQ/wCQPY9gYOd11mkxZrC6h3lfcEVlD8TG6rJ/9tg06gakCQLCfW/D"
    "U5OENoJTT+Gj4SC1eVKHWJUpeo5bOj1BlJDSZ45AUERfbIU4vO8c/c/KVK5FC6rOcH4gt7"
    "2BNecod4tpg8mqENTRTAJgQm3cImS2DTwZ5MAduPeRzaCreV7xe+5VyiWH7sKWzZsIDPnT"
    "opRF5oqUjPMPxUF9obEqeFyWxeGL/IZ/Pi2hxwfgafuEIYwS+Ss8/uw/kiucr7s2yFuvVc"
    "C+6aAOer28c9XGLh/wOFQLrse96Y0OhKu5cnXnovO1x6LxEtrZZNCnxKUfWzeR6lKjDv54"
    "zK2N/JcwIHrTI5rerimRdc2G1TwjL+c39znc7nEEncluKGS/5HLC5XhuuGLNyWxy2X23Ib"
    "H5ti1/54Shn21+oIpSssBEp8h7jFkXZk1mSkPQ6qxxYc7CCOtAcoSlI2p7yTibaHqeaC2+"
    "NzYBVAZOUWXQdHvowa6Wk7okd28i5BGpP/qVbb3T2svd89ONrfOzzcP3o/AueTVZNQ+tOr"
    "XxGoj0gqidynZ46d5KeRkTK2WH4ZlfvL+rva/kEAQ+JLB5AcdxWIBzXUsohQiQV8XHEJGQ"
    "SW6Myx0EHAkhHqS0aj0GGisjoJn9awdBfazZBAUPsAEaaFNZpXyoU3iXcnkWgduTamQ4lj"
    "c4UccyaxZ3RL1i7DeLsAOpZwSSxhYBibK/CmghHUrDFjfWLdEUCO7F2Fn/B9DwZm5nKYqs"
    "zOee44fSVMnDouSxHQq91u7fBgtL7hj0kr2v2n+sePwRKWDas+0y6zLlgBs9DAXB2ORvF4"
    "gHdpbrTtdWw265JJI9hi/HXKQkBO/90r1p5SdAfBpYgj7iGYOzXQqv0D8XVmmwABRcEnwO"
    "Wn+hkRypfLX0fVZolzoqrTy1AlD30QK4kt3EBXDs6FizVPCqJ7oaMG7zGVHTxF+wpXT9S/"
    "QMdp4lHgOGX5dBUMe5VaYgNUpCRsOHj0j3d0HCvRIrSt3BNVOgDlGiBA9ElNDB1Igr6k6L"
    "GWMIcED/r07oU9Ku3MDq6GOsGrnpSmpXwEQGfTThi6PQZ4+aNHZSzCVAoqbCvwGnBUgBkq"
    "dqDxE+xniGnbXH2HVJBLbHwRVVedzytXAXRKFG4VXlO/ri3Uy0rmP1snRWLBZ+Y5th/fau"
    "I5MNZYeSBfHsiXB/IFOJAP5mOqBjT9IDJEXmh1yGEdjhJVkxbWt9HtP8DJ3Fjhqs8in/uu"
    "qEIB4yu5LQq3/oyborK5HCEqbl7tAO+rol7QZd+pyQzeo1ZBPB6e+aKuNWGuwZ1Rvs+lIC"
    "1U7UzQz7qItPo3hSpzoKChAAWK31pPMN0yFK4i7fqZcTcFsefCt2Ol2HOxy7Oy7bnwXV3T"
    "LbkvXaHu2oUJqDJgnGhrCnNxUGVM6et5hZdUBvSkboEGAQ18Qx5bv/M9mRWGHqmAXlDJ0D"
    "llYayfqDweOm2IwvJVTXl1b2kqlaZSMRbNPKbSAzBzXjspoC2yol5pwTqo7hjvO6Lj0J4y"
    "lNQF5nNqkcs3kV7inS2VuhyrjAaoiXOj9atJ8YoRtzNl0R1TFJrtsYjdY4XGVlX0Ul4kft"
    "VG06tTxpWupb25KIblSeLZoDLg/Mh71ciG7Di5wuPxELUpGbPnGAFx2kKpGVPOkoU+E+G2"
    "l3sqviSxvzC35DkRwNIFeYNdkIucHbkgoNELSo5cxDQGU3MjZ8NfsXy8C15K5aNZeTPxFu"
    "1YJovfK72OKsKzFJQwztOpMOFMSXsv0bFDBp5sPm6nXCHQ6ZapGAPVa1rqB9VcuXIErar4"
    "S3vWYpKJsTc2l+QBdAD7RDuORPJEqburhlX/DMFhhujYXPpxkyVmWGKGxVHmS8zw9WKGft"
    "ZDlbdGrV4FAQp1CtVZj/qjVOVZ/6uArYoSt1yktS0XTIFKyzz5xuUG3iT1pQtKHY2qaCqn"
    "FfuuU3e9yuydvm49m04ZpSpN/Ymmvhy7QizB2g85Vmwkb6ca/dGxNavdv1qLFl7evND5rF"
    "It2lB9dbJFiy2bbdU0b45DD09QXG5QFxNT9fvKulW3KVdVkACjRlJ1q9RhzYtTkq3GTeO2"
    "SlRO29ru0dtj5d2io+6Vj42OWY3cY6NvLfcvsimt19J6LY5eV1qv5Z0yr0DeKQpd4k4ZvY"
    "bPdXVJgrTY0ZrLWEhfU0zyKi4tKUxIMjyuzZ3evHcjR2g3x6K9wMw8qNuB/ofRpaCgUYk5"
    "P9rCeYW2rHaXcVmK68WknBkRsqWkZlqRuC+p1fY9atANHsPTd346fH/iZ3NxKQIatAOyLX"
    "T+jOL4FRQhl/8ysIZZzOFpLggzXqowrwNCEVi/ZP+DhbCFO2Zg4olhVo6ESH11Erbg+C1n"
    "T5KAWQYUnoBpC4glpIqD404SQJiYJuE+uI9AdUjT8AcknDc5Qgk/lPBDaY4WQCfLAz+U0d"
    "rZUl/xCW5x1KxCnDuU7psFV5/WlwmUOdzopilZfs1E9YqO20xTq7IZumT9ZeEsm770Cquw"
    "L+emv2y1JPPyxOxNKvv2xEJ5d80ZUFDbzxO5Aa0mpG5JxG7gpJqBw37zF8jdlQR5whPd1L"
    "CY7IzxIZL1Z4x/ni1/aRnhnzUVx9P/AS8gXxg="
)
