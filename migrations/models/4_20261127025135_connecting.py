"""Connecting: attempts to be let in, tokens to be revoked, data keys, and what the refresher needs to know."""

from tortoise import BaseDBAsyncClient

from dashtam.database import rules

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return (
        """
        CREATE TABLE "encryption_keys" (
    "id" VARCHAR(32) NOT NULL PRIMARY KEY,
    "wrapped" BYTEA,
    "wrapping_key_id" VARCHAR(32) NOT NULL,
    "state" VARCHAR(16) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "promoted_at" TIMESTAMPTZ,
    "retired_at" TIMESTAMPTZ
);
COMMENT ON COLUMN "encryption_keys"."wrapped" IS 'The key, sealed; null: retired.';
COMMENT ON COLUMN "encryption_keys"."wrapping_key_id" IS 'Which key of the settings wraps it.';
COMMENT ON COLUMN "encryption_keys"."state" IS 'active, decrypt or retired.';
COMMENT ON COLUMN "encryption_keys"."promoted_at" IS 'When it began to seal.';
COMMENT ON TABLE "encryption_keys" IS 'Wrapped data keys; exactly one is active.';
        CREATE TABLE "authorization_requests" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ticket_hash" VARCHAR(64) NOT NULL UNIQUE,
    "browser_hash" VARCHAR(64),
    "state_hash" VARCHAR(64) UNIQUE,
    "verifier_sealed" BYTEA,
    "key_id" VARCHAR(32),
    "return_path" VARCHAR(200) NOT NULL DEFAULT '',
    "expires_at" TIMESTAMPTZ NOT NULL,
    "connection_id" UUID NOT NULL REFERENCES "provider_connections" ("id") ON DELETE CASCADE,
    "session_id" UUID REFERENCES "sessions" ("id") ON DELETE CASCADE,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_authorizati_key_id_e2b69f" ON "authorization_requests" ("key_id");
CREATE INDEX "idx_authorizati_expires_c7638a" ON "authorization_requests" ("expires_at");
CREATE INDEX "idx_authorizati_connect_ed5ae3" ON "authorization_requests" ("connection_id");
CREATE INDEX "idx_authorizati_session_3ca6b0" ON "authorization_requests" ("session_id");
CREATE INDEX "idx_authorizati_user_id_3762f5" ON "authorization_requests" ("user_id");
COMMENT ON COLUMN "authorization_requests"."ticket_hash" IS 'SHA-256 of what the link to open carries, in hexadecimal.';
COMMENT ON COLUMN "authorization_requests"."browser_hash" IS 'SHA-256 of the cookie of the browser that opened it.';
COMMENT ON COLUMN "authorization_requests"."state_hash" IS 'SHA-256 of the state (RFC 6749, 10.12).';
COMMENT ON COLUMN "authorization_requests"."verifier_sealed" IS 'The PKCE verifier.';
COMMENT ON COLUMN "authorization_requests"."key_id" IS 'Which key seals it.';
COMMENT ON COLUMN "authorization_requests"."session_id" IS 'Where it began; null: the operator''s shell.';
COMMENT ON TABLE "authorization_requests" IS 'Attempts to be let in by a provider: single use, ten minutes.';
        CREATE TABLE "revocations" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "user_id" UUID NOT NULL,
    "connection_id" UUID NOT NULL,
    "token_sealed" BYTEA NOT NULL,
    "token_type_hint" VARCHAR(16) NOT NULL,
    "key_id" VARCHAR(32) NOT NULL,
    "attempts" INT NOT NULL DEFAULT 0,
    "due_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "failure" VARCHAR(64),
    "provider_id" UUID NOT NULL REFERENCES "providers" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_revocations_key_id_158f05" ON "revocations" ("key_id");
CREATE INDEX "idx_revocations_due_at_bcc079" ON "revocations" ("due_at");
CREATE INDEX "idx_revocations_provide_1a031f" ON "revocations" ("provider_id");
COMMENT ON COLUMN "revocations"."user_id" IS 'Whose connection it was; they may be gone.';
COMMENT ON COLUMN "revocations"."connection_id" IS 'Which connection it was; it may be gone.';
COMMENT ON COLUMN "revocations"."token_type_hint" IS 'access_token or refresh_token (RFC 7009).';
COMMENT ON COLUMN "revocations"."key_id" IS 'Which key seals it.';
COMMENT ON COLUMN "revocations"."due_at" IS 'When the provider is told next.';
COMMENT ON COLUMN "revocations"."expires_at" IS 'When we give up.';
COMMENT ON COLUMN "revocations"."failure" IS 'Why the last attempt failed.';
COMMENT ON TABLE "revocations" IS 'Tokens of ended connections, until their provider was told.';
        ALTER TABLE "provider_connections" ADD "reason" VARCHAR(32);
        ALTER TABLE "provider_tokens" ADD "granted_at" TIMESTAMPTZ;
        ALTER TABLE "provider_tokens" ADD "refresh_failure" VARCHAR(64);
        ALTER TABLE "provider_tokens" ADD "warned_at" TIMESTAMPTZ;
        ALTER TABLE "provider_tokens" ADD "refresh_failures" INT NOT NULL DEFAULT 0;
        ALTER TABLE "provider_tokens" ADD "refresh_due_at" TIMESTAMPTZ;
        COMMENT ON COLUMN provider_connections."reason" IS 'Why it stands there, where that needs a word.';
COMMENT ON COLUMN provider_tokens."granted_at" IS 'When the request for it began, from which its expiry counts.';
COMMENT ON COLUMN provider_tokens."refresh_failure" IS 'Why the last attempt failed; null: it did not.';
COMMENT ON COLUMN provider_tokens."warned_at" IS 'When the user was told that the refresh token ends.';
COMMENT ON COLUMN provider_tokens."refresh_failures" IS 'Failed attempts since the last success.';
COMMENT ON COLUMN provider_tokens."refresh_due_at" IS 'When the refresher looks at it next; null: never.';
        CREATE INDEX "idx_provider_to_refresh_022a41" ON "provider_tokens" ("refresh_due_at");"""
        + rules.STEP_4
    )


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXe1z2zbS/1cw+tJkRsnYjl9S++ZmFNe5+JrYHls5X6+9UWARkjimCJWgrOjp5X9/dh"
    "ckxVeZoiUZkvmljUksSO2CwO5v3/5qDKUlHPX2qxJe45j91XD5UMA/EtebrMFHo9lVvODz"
    "O4cGjmEEXeF3yvd414eLPe4oAZcsobqePfJt6eLQKyFHjmCTgWTK7rvMdt8ioSW7QGm7fR"
    "zTYiOYT7rRKAXDTpg/EIxblicU/K2Y8qUnLLjDHDkRHutyBfddi90JR7p9xXzJpCsYvlyT"
    "phpwxUaefEAqnx47du0/x6Ljy76A2fHX//5fuGy7lvguVPjn6L7Ts4VjJZhjWzgBXe/40x"
    "Fd+/r1/JePNBJ/0l2nK53x0J2NHk39gXSj4eOxbb1FGrzXF67wuC+sGO/cseMEPA4v6TeG"
    "C743FtGrWrMLlujxsYMSaPytN3a7yHiGT+qMfRuk2ZXDEfff4pWjvwfvGaO5+dP5Rf/16i"
    "cc83D06vVPrxsZQeKrpeQWXOpKFxeB7frIwL9+6EfMGEVXG/is00+t61fvDmn2kVR+36Ob"
    "xMbGDyLkPtekJIwZ97ueQF51uJ+Vwi9wx7eHIl8SScqURKyA9G34jyqSCS/MRDP7FkI+h+"
    "xL8P5CTl49hdUN+GnWpetMg9Uwh/Xt8y9nN+3Wlyt83FCpPx3iXKt9hnf26Oo0dfWVlpSE"
    "D1x/9tEk7Pa8/Ynhn+w/lxdnaXlG49r/aeA78bEvO66cdOBrni3c8GrILxg5k/d4ZFWUd5"
    "KylvfzyzvkTkzgwdvP5C2G3Hayoj4dcC9fzBFBSsLAr9XsrrkS7XQuLtudm7N2p/MUuQ75"
    "944j3L4/gD/3DvbnCPZfrWvaRmFUSloXwa09fe9Hgr8jrtREelYHzsRBls9t8d3P53OGcD"
    "n8rvwNLYfj876cs3+3Ex9NyNdXX1r/fp34cD5fXvwjHB6Tw+nnyw8p9nvSEfmr+8wdD4nz"
    "5/CC3O2KjARC2vUxnvS7rKoQXU1qeLcD7qOuNmVDPmWWzOh3ZRb97mGJNb+b3qBmSx5v/f"
    "iBylvvPqZA4IU73r2fcFjBiTsx1UK6riC1SWVF9CEg/vjrtXA4/eSsKAK9+QpUTdsS3mk0"
    "4eZ+GbOrebu1ApX86fxCO+NGz7StjPJEF8wPbwrD4DFPY9d1MNcp/Lmt/NI2Xoe7ahJYmN"
    "X5dUNztWiqbeUXqFQD6dn/R6zoeALeXPlP5FsrPue1nnKb+IdngtyTRadE8lZ8z4Op4BDh"
    "XVhXxRy+dEVbwn9KrE+a8GM03yP8DRTSjWDvcG+YYu+Qu7xPb4nTIXHq0GzkAFHRveY8MG"
    "oUjCoJSLUHgnW5zx3ZHwsmeyyiP2FKCEtYTeYK2GiZsGyQBrubEqSkcnArlwnX96Y4ix+f"
    "9phxRLqUb/tjfG6TSQ8v8T6YTH0OAkeS2ADVZGOQIwxiin4YuxfTGrGqEasawTABwagRq5"
    "cl7zKIFWzQi+BVwfCtQ6sOy4BVh8VY1WEGqqL/L8DZcPxWAFMpVGTvfRlYZO99MS6C95L8"
    "jb9Zhs3FQGCKbCu4vW4YcCLuFOiUi6zuGMlWsDyNdR+UwroP5mDdB+kFnjCKq6KumUlM5n"
    "7jk5ww22eO8BUYK3lO9vWBsHFR2KrDH7it2ZGRxAcpHcHdAnskRZri/x3QrkoA0ZW4BArM"
    "ydsB2WVg/9mKeQJ+j0JD0GUBrIxRCUHwwZP2ow+Xl58T+9GH8/SG8/XLhzOQD4kHBuGuAZ"
    "fPL9o1Mr5GwPdBdvkSWHYdTbRNrFoIe6uIJMUW2RxMKbkUH0eXOqmP4XGg6QYOFgu4xBzb"
    "vVfsTvgTIVyNJVHcUgQ8ZZGlyyCO6ScMe4pNwya2P6Aop5AYQasHWBuOvoUwlIJfHN1nlt"
    "3rwf/upow7NldFoNLvkXuPhjX+W6NMNcpUow7NGmWq5f2MKJPejHNtmHwxRwQm2ytV4ZCd"
    "nTIGys5OsYWC95ImCpyv/riAxY+biTPqNYbnjARpBNlDK34jY6Z4Ak1EUifUMQuGNhnoMP"
    "YDPEB8H9keOr9Qhb0XFrqsemB/CcsQWxI+clXdnp9RVxLUeryvIKbpTEiozHkCQ9lRdj6G"
    "WblCwHXOMCKvklje7ZUQy7u9QrHgraRYAr24mg6Sol3CqbQmQX20PeWDTt9FXVt/Qk+38Q"
    "0/nLLaSGQcLWYEpMiWaQ1kxb1O18hTdPyYjqcW5miMZLXcNAWef4SdGbgryd0saz9KT9h9"
    "91cxzRwjxcGLm8vSDDIDlz0+icz7+IKC3w6/WGg08bR1c9r65ayRuw0sga3xkJ+N/PYf5W"
    "xq80tw9xp25Ovz03bjRxl4tg7+W1gYVYP/fNCIc1TPxYP+wvXdDic0Qp15tqg/zYY5MG3E"
    "pxIILQmpLDgrOFg2rO9x+GUnTII5hBgrIqu2Yg+2sjEIz3Z1XB88VGeayjH8lzw6inlykp"
    "fKSlMibiu6nvBVE/6BjzqmuYEGc13ZDExGe2vk8K7ObKV/nbBvD8LDsPhvMHDs4rP0mKGA"
    "P+qwwBqwrQE8E2ykGrB9WfIuBdh2u0IpfRZ19NafozfYLvemBQBu/gTp8Iepr/OJNlMxy4"
    "1wwHipuJD/1br+cH7Ruv4tP+QqHB8X4Iff2metDG7Yg7uDJ4ikaIaKMjFTp1unSO7FNBfg"
    "mBs+m49vLA1nX4Kt2Lgd2N0Bpm6Q0qdAX/QHhsC0Gt5XFc6hJOXmQLSXOilH76eMvt0Tmu"
    "c4yO9R3C4Lom/uAZXVSMLdrPqKyJ9h41ZG8DNSSwPMNErXetFrRHXBIs4ui+Lo8IhgjW7Q"
    "rA2YI+ubEdjNb5QYcXp+k3GlTXQwuF9dfzxlh0f7P79egohXES8ewABZQZy7BXKIUaQkgW"
    "DNiiSxmxbE7hNMgz4+9c3e7v7R/vt3h/vvYQi9WXTlaI4UdLBrnIWBrCvscknKzdndbgfC"
    "DfY3gm9ZD3YzG52Vfe42Wc+TQzYhRQVRLNrDpwHO9AJ3uvAss8biCSfhjHot62Q5umq0TO"
    "g3wGHnSHmvGPdxtbiw1SfUpRe8NjAMZuzl1e8o3IfzSNe3Ie+k18JOVv4fKbYHpO2L4Qg2"
    "AmW7XUELwuGwaagx6c1lrZcl79op9i1iKeaQmh7xEzE9EEYQdxV+fvA1WrYFmmnZNJJVZ2"
    "hOuOdWOlIThBt4oqJXnE04WpOOpSOyMoYEE671Eg/SmUtrwdiVDOF6nU2bEb9SHA+Q9Wjn"
    "ySQrkNBnvWBgxtNSuEwQx6MRGpkFmR8Bs7zMpdbYsv0zrCTTyHGFx+42S/nBORJ0HNkv6Q"
    "tvjTAY+I10nekx+3qFu0mT/XL2+ax9Rl7v9vXXi9MW/uHRXge7IFXFAW73+/mFcRiWSQrL"
    "4ozgaNPVnNEreocJkmB5CKcXTEaVm7sD7vYFAi+eGMoHHPL2D/cPF8v12BjzCs8eOSA1pn"
    "cORTV2gvI7Y9+xH4QKnPWh9Ojlo22bdmuMrR0JDlqu7DXpfhBqa8OjcOiEUzUfV9joVv9J"
    "6bfhzlv2TaE5Bd/IN6L7hvUwv9FroTTReT/BJ+DpMPFsOMhdsLjA9BI6jJducPyZtktP/s"
    "OFnZTugCBFSaf+79nFGXMLw+Df45Fb8Vt1OEAdDlC7h589HKCgetycfJ6QwOR8Htp0jv9m"
    "W39vMjVVYMQEFc+kOx3KcWkrcvXFT3iBNjRXAJtQAeIK7Uc4dHAmS8LxYx3HjsK3lKKAb2"
    "mICQlHNmzglWsix8iNlgqhKLqmoLbp8bOwhGsbk1X1bMkGmxMFsUDqhhFG8FZy9tlTjbaS"
    "q/ZokaNQjzYZTT2/etjHLRb+f0iuXl98r4aa7pcpTLVfXJdqP1OWirZNDnzKUfWLeZ6kMp"
    "j35bX7BJ8PdsuEOsGoQk7TvXSJOx9O2xx/zT9vLi/y+RwjSdtSdtdn/2OOvbpMmJiFeze2"
    "Hd921Vt8bI5d+9ePnGV/QbEqA+lQcrDOPHg6BI3MSphVmZCGdPRCasPBCdIhDSGKkpXNB7"
    "tf6E6LU1Vyo6W/gVUAkY0rzNGIkkY00kPu9t3F3Gg/7+29e3e0t/Pu8P3B/tHRwfudyJ+W"
    "vTXPsfbh/B/oW0tIKutsy28JMy8gtqAXjFkBsI2bT603eweHIQyJLx1CcrZPIB7c4Y7DJF"
    "VwC3DFJZRqW2LU7JMcAUtGqD8JnoQOMzeb8/BpDUsPYNwCldp1sDX61KIi6/hdUa5UFu/O"
    "ItG3Qe2EkA4ljsMJObaFIm/dSZib1QwDYxRzZBeLYPgSWxBGULPGjHVoYF8CObJ3FQlZN0"
    "NYmIXbYa4yWzGe4PGdMBPetSxFQO927/aODqP9Df+Yt6PdfGl9/hxuYcWw6jOdMuuCFbDc"
    "J3yr02gVzxb4gC8Ys7Hth826ZNIOj5hgn6KADv3voVlniumZGEuK2UimYpSuwbrqRAx8nc"
    "U+gJDC8A/g05fWKZMUNB/so3RY4jfR1MUpOclDO2IVxjOFunLoFzbrOzFE98JADXsoqO1X"
    "jvYVvz1X/wIdp4OuwFkvssdVMJxVaYlNUJFScOCg6x+bbx6TaBHaphhiKiZGoQESRJ/VxD"
    "CAJJxLyaG4k9aUoaNPn144I2lnbtjz+QR7OJOmRTECGAVHQRh6PGbSB6uH6p1iITbKjw+j"
    "BjzK5EfFDuOfcZ4p1sf2dXPosGjzrMP0gPzzFCqA2R/Sb8JrBlW3JL2sEsGzdUlVEf7MMm"
    "77WbvSsQdrTdQO+dohXzvkDXDIh99jrgb0uCMyRm60OuSJvo0SpY8W9reorS9wsjRWuGpf"
    "5HM3gTYKGF9JG2g8+gtaQBdzOUFkbgOjEO9rol4wEN+5Jbr2kDuGRDw8cwfutYXKBzHxOu"
    "ZSsjtU7SzQzwaItCq7T9gdmgOG5lwalChfYoMyJJzdpFO/MFvBEHsu3vY6x55LdcUutufi"
    "Tbgft+RuBxLtIfwAqdTYibamsOgZJ2MK7ygMpc4D0Tmlj9owIDDkcfSbIJKZMPTEDZgFlQ"
    "zdkQLW+gmlmur6bITl050AkqlLmdWmUm0qbYCpdA/MrGonhbQmK+qNO9gHFeJDI0/2PT4k"
    "Q0l4SroVtcjlm0jb2Byz0VIzlbELamJltH41DSKwtMlCPThmFEazPVUa5ZjQ2CZlL5VF4l"
    "dtNL04ZZx0LR3NxTEtT7GxCyoDfh9lezpuyIlTKqkYnagdJYRbYQWkaY1SMx7xJUvtE7Hd"
    "celPcZvEvmVhyRURwDoEeYNDkE1u4mEIaLRFPTxMLGPwaAuPYvgr1fjgiT0lAjSrbMsD09"
    "wyRfxO5pWa04tjfUVxdCA11ZULaxWh2gLGD7yepOa1A+GUNZ0L+bxKMDaxNnPQ2PTafRSO"
    "XagLxScMoFFhxGCAj1LICQY3C8rloFnzSmzoakMYMhOOauJfOoIZi3nMot5txe5B1wIpUY"
    "BOol4RdRieNgNfjSe6su/aKshPrbHZGps1x2iqsdmXi80GZbypPhDtXoYAsronwKIhFUmq"
    "OqbiRcCDpuSHm7S3lYKDUGmp0kBHbWqtSZ4qKYm1w8R3XSLtRZajD3TrxXTKJFUNqcyFVN"
    "Qs5GQJqEosgGUjefsouJJcW4viK6u1aOHlrY+6bliuRRu735xv0eLITo+Glq0lOUZPlW93"
    "EQBgMDdZtwhFqSYlYwjezapujRbseWlK9qp92b5qMmrSsPfu/etjiiLS1Q0olknnBicaM/"
    "oDe9aZsbZea+vVHL2utl7rJokvQN45Cl0GLdd7eKVefBlSs7Nil7GRvqTc71V04TMm9Rse"
    "17O9YbWDLUW7ORbtR6yAhLod6H/oLwIFjSusrdKTL7GpjA5L8kVOiMu82iQJsqWUwFqRuD"
    "9xpxdELoVNZXZ/Pto5Carm+BwBDd4H2Rpdp8Sc+A0TeiYsA2tYxBx+LNRjweYVVQM9TGD9"
    "kuM8noQtXIsuFviYFtWiSNxvzsMWvGDk4sUosJoD4QlYHoI5UlG+oe1lAYS55Shuwr4PNC"
    "HPwx+QsGoRihp+qOGH2hw1QCcrAz/UWfHFUl+xB9ccNcsIv0MdJmu4+rQ+Nw5oIcJquWoi"
    "8t048ftzVS1FIzuchpZ14+jB6FEJY1mDBG+XnVtiOJK+cLvTN7CITti9GOkmw5xZfJpVtb"
    "Ayon46lVON+hIXTNiM+melqsOB+GAa3Y9FRzrqjl7BoVukcyVaYnkS7FL8B0JZtHv/t9bJ"
    "ap2s1slM08miD7WsPhYRGB3GiHuhcK2RBBHqSG+9M1btB7SKHlnR1rgA9+M0RgsgVRT+Hs"
    "+bpGbMLLtv+9V6li1fQdbLo5KrLENqtqusEaS4sB7wW3gjYDvW4PS5P1ZNhnXjUSPR0R5W"
    "Vs0wxq22WUGphhg5Jh1PZWNSjTVcTXFcb5HlakTGYXMzTNfcvMXcviH5+Y3zWogUZVmWMG"
    "nBpByOqAwZJro5gqqP303BIA07iRyjv7LvUCWaJjbTDP2Yeel3s6GkS8wGH2NG5DiYekz1"
    "hORIuLpnNoZARmWGQBEMOmljl+zgJX5SgUpIhaxvA+8Duk21zyGwpMu5IdhlT5e+9gdY6W"
    "2WWqioBjddbepkwYHOReSe+MNFi1537AZaG8TusVdXv56e6WDMo0P4psNWKRNMMXzA5EUs"
    "Dm5pz25zFp5Ze0Jqq7u2uk1Qa8pY3b7dvRf+4ulsSTLzvSERfEidWmz3Hvcv3KVZl3vYUc"
    "dQd0lwdCwsoDSdwUVc0hZ6V8p7W4R/BT9En2TBsVoxvm/50qFzd2HZJKmWIplVfzqkaeBr"
    "s1eUnXG0/3OT7e683d17bYgoQr2lEnCSQ2x2p0NEFVE/i9Q1c9GRtQcdPy6CrY459oQ/9t"
    "wO6KILbUopsvVBuo2srvwUVS3ZUqFUedC9OeVB97LlQWu47yXAffDTXEFG3oKgX4awjllJ"
    "98N71tzudR0PqymW9UTemwxib8ZK3iQMeyOjr/I34SXw9SrAW08Tk24nlzOH0OO8fq56EJ"
    "u9H29w3Yhr8SC73C/oShO725yf1xGOK9vkXdcglL3AGzJbqqo5q31ue5F/hIrh+NLJBszo"
    "PjXYu130fF0YcTZb0HbWV7rNAD3seFZCQkwogjEsH6H72sAUriQPj84RCbwo8JsFOWfOfe"
    "yX49gPYQfu2dOQPOxp0AzS4OJeHlh4ji2QMHDc6EI/+gfDukz8yNp9UrtPavfJBrhP6joW"
    "2yPvMnUsTLaflgIs3w6kSpxr+mii2ADsAj7FUIq+dJfQpGIBs3VTwJgliQCR5RwRwP+fSw"
    "C6fGkV10qa0uyQ1GWoD6typGhO4rM6A3uxhh45pEbHbOvav52g4HlUATi4QC7Io52dn6v5"
    "HpdfEriuq7NmHxcPQvuyLC8spxInqVRNpdLa30lzfOcJapUui7K3u3+0//7d4X5UDSW6Mq"
    "8ISrbgiQUW5uJ664xqY/xXusRuwhi3tbHNXPG97JreXC02a7ZslgtzSVoVllUG1cl+EGw8"
    "eoFC73HbGXsLpdjFSEwOILsd6IhqLJnFgo2e4btXTLJbfnRSuPEsaL6kyGr/21z/W8itJf"
    "qKNpazj/olUksr4Zi4hr3m+vy0/VyeiTO3603pl4PEGjnOieSA5jz/hIiGdkCRLemjuPWw"
    "F6tFhQhQ/wXjW3wHCkfnc2BBQzDNH3KqTLUiGqxqoGehvBDUomWPtS9/PbvonF2cXv921T"
    "6/vOj8evbbzXFyVvIlkMbd1B4q9AEoHa0cxjBPw2wLdEu0wEDy4Vi2aB5JXWRdqX0X3J2y"
    "ISz/E3KFYOIIdn+CmZXUHhJXMtvCh4dFr6ygtIOuBo4vvgqfxJzunku0i561nttqrKBi50"
    "Ow3hbDZ2JE5oe80melF37owg1Wvrnxr8RgeKfO4ihBDqnRsM0MLwhDxoXvw/sr2goNwg8o"
    "lD1fEo93z4qIjZaFPkqazBJ0/mkUbZFPZdWgWe0q3R7XWRlXKSicQ1lN4CnSzamETaBDGH"
    "SkM2ZLZ5ZtiOhLQQ/BzlNB9EnKjZH8iwmZz5jjz1SBQHigejTyag7oO825VQZmYx4zDYsF"
    "u2T7qNCRkasH5rgwgoVurnW0FHdGsTUE1mx+PGuxvh0jMVm3q5oMdXBQJhnq4KA4GQrvpT"
    "xxo5y2BsUcDoZvIXd3S6Wa7c5JNdvNpprBE32R5+r/583lRWHES0iSPi3trs/+xxy7VFN5"
    "07g9h7nIjMQZGfI0Mtxj7D7NMdtxgg9P7WDw1MPsx/8DocKrVw=="
)
