"""The answers to requests with an Idempotency-Key."""

from tortoise import BaseDBAsyncClient

from dashtam.database import rules

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return (
        """
        CREATE TABLE "stored_answers" (
    "id" UUID NOT NULL PRIMARY KEY DEFAULT uuidv7(),
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "route" VARCHAR(128) NOT NULL,
    "key_hash" VARCHAR(64) NOT NULL,
    "answer_sealed" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_stored_answ_user_id_350ecf" UNIQUE ("user_id", "route", "key_hash")
);
CREATE INDEX "idx_stored_answ_expires_64eaff" ON "stored_answers" ("expires_at");
COMMENT ON COLUMN "stored_answers"."route" IS 'The endpoint that answered.';
COMMENT ON COLUMN "stored_answers"."key_hash" IS 'SHA-256 of the key, in hexadecimal digits.';
COMMENT ON COLUMN "stored_answers"."answer_sealed" IS 'Request fingerprint, status, headers and body.';
COMMENT ON TABLE "stored_answers" IS 'Answers to requests with an Idempotency-Key; kept for a day.';"""
        + rules.STEP_3
    )


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXVtz27YS/isYvSSZUTyJ7dip3emM7DiNTxM7YytN27SjQCQkYUwRKgFZ0cnJfz+7AC"
    "nxKlE3G7L5klgAFiR3cdn9drH4XusLl3ly55NkQe2IfK/5tM/gj0R5ndToYDAtxQJF255u"
    "OIQWuoS2pQqoo6CwQz3JoMhl0gn4QHHhY9OPTAw8RkY9QSTv+oT7O0joCgcoud/FNg0ygP"
    "6EP2klodkxUT1GqOsGTMJvSaQSAXOhhnhixALiUAn1vkvazBN+VxIliPAZwZer6656VJJB"
    "IG6RSunHDn3+75C1lOgy6B2//ss/UMx9l31jMvo5uGl1OPPcBHO4ix3o8pYaD3TZp0/nb9"
    "7qlvhJ7ZYjvGHfn7YejFVP+JPmwyF3d5AG67rMZwFVzI3xzh96XsjjqMi8MRSoYMgmr+pO"
    "C1zWoUMPJVD7uTP0HWQ8wSe1hoqDNB3RH1C1gyWHv4TvGaO5/td7Y349fYJtbg+fPnvyrJ"
    "YRJL5aSm5hkSN8HATcV8jA7z/MI6aM0qU1fNbpu8bV070D3ftASNUNdKVmY+2HJqSKGlIt"
    "jCn3nYAhr1pUZaXwBmoU77N8SSQpUxJxQ9Kd6I9lJBMVTEUznQsRnyP2JXh/IUZPV2F1DT"
    "7NvfS9cTgaZrC+ef7h7LrZ+PARH9eX8l9Pc67RPMOaXV06TpU+NZISMMHNtJ90Qj6fN98R"
    "/En+urw4S8tz0q75Vw3fiQ6VaPli1ILZPB24UWnEL2g5lfdw4C4p7yRlJe/7l3fEnZjAw7"
    "efypv1Kfeyoj7t0SBfzBOClISBX5tZXXMl2mpdXDZb12fNVmsVufbpt5bH/K7qwc/dV/sz"
    "BPt740ovo9AqJa2LsGrX1P1I8HdApRyJwG3BntjL8rnJvql8PmcI18PvpefQejg+a+ac/d"
    "FMTJqIr08/NP54lpg47y8vfo2ax+Rw+v7yJMX+QHgsf3Sf+cO+5vw5vCD1HZaRQER7d4zX"
    "+l1WVZiUJjW8zz2qUFcbkz4dE1dk9Lsyg/7lQYkx/zK9QE2HPFb9+IHKW+cmpkBgQZs6Ny"
    "MKIzhRE1MthO8zrTbJrIhOQuK3v10xj+pPzooi1Js/gqrJXRacTjrc3pkxLc1brSWo5Kvz"
    "C+2Ma9PTQ2VUwBwwP4IxNIPHrMauq7CvU/j5UPllbLwW9eUotDCX59e17quhu3pI/MI1Te"
    "yKolUuWRWfs9AVLIJgrYugmLOXPmsK+KcEf3WHbyf9zeFvqFBtBXv7u/0Ue/vUp139ltgd"
    "EqcW/VoOkDKpq88CUwZhq5KASrPHiANmsie6Q0ZEh0zoj4lkzGVunfgMFgrCXA7SIO2xhk"
    "RkDu7iE+arYIy9qHi3R4QiUiMVV0N8bp2IAItoF1T+LgWBI0msgayTIcgRGhGpP4zcsHGF"
    "uFSIS2WB22CBV4jL45J3GcQFFuhF8Jaw+YNDWw7KgC0HxVjLQQZq0f8vwNmo/YMAVlJW/e"
    "7rMmb97utiux7rkvyNv1mGzcVAVorsQXD7rmGsEWtL0CkXGd0xkgfB8jRW+6oUVvtqBlb7"
    "Kj3AYdXuiYD/l+YP8XKoYaYTm7lfeydGhCviMSXBWMlzEt8diBgXBZcteku5YUdGEidCeI"
    "z6BfZIijTF/zbQbkoAk5K4BArMyc89bZeB/cclCRh8j0RD0CchLIpe9dB5vtJ6dHJ5+T6x"
    "Hp2cpxecTx9OzkA+WjzQCFcNKD6/aFbIrj2A0pLwSIxzM4CSJH/nQyatlITnoyfXsFq6wC"
    "Xicf9GkjZTI8Z8A5DoYJIJmpKFSy7D4JInGIsS64aMuOrp0JOIGJGYWxgbnqlCbEXCF0/q"
    "ics7HfivPSbU41QWISVfJj4X3az2TwWdVNBJZUrXK+ikkvc9QidmMV7ACJoQ2KyEL2vjv3"
    "hRRut+8aJY7ca6pN4N+6saFrB4vu0zpb7DmIkB0xpBdtOKV2R074Ch3aPVCXlEwqZ1AjoM"
    "v4UHsG8DHqBHJ2C34oa56IfpgFHBXEsMpFABW26zS9GuYfm7Gydj7S0PpALl0UGlzshqdQ"
    "vJ8lUwu+1NtPDFtM0U2TrVzqy47xJYXkWZjCkTcmGOxkg2y01bwM057MyABUnuZln7VgSM"
    "d/3f2DizsRSHLm0vSzMQABQHdDSxI+MDCr4dvpgZLOa0cX3aeHNWy10G1sDWeMDEVs79uZ"
    "xNLX4J7l7Binx1ftqs/SgGt5YM/lGgPORAyYsH/UQSakYdWrEh31vUj2HDDERrwqcSYJYW"
    "Ulkci1FQAkk3oPBlx0SA5ohwFIJQXJJbLjkG4XDfxPXAQ81JKTGEfzWiK0kgRnlHsXSXCH"
    "ExJ2BK1uEPfNSR7hto8KwWmeJuqJoOPOqYk1n6r2Py9ZYFGNb5FRoOfXyWadNn8KMKC6qw"
    "rQrrsEHLr7CtxyXvUtiW4zApzV7UMkt/jt7AfRqMC7Cu/A7S7s+xMvHw26lB53o4MV4iLu"
    "TfG1cn5xeNqz/zQy6i9nEBnvzZPGukzw6xDtT2VhBJUQ9LysROne4uRXLDxrkm+szwuXwL"
    "fW2Q5BqsndrnHnd6GLqtlT4J+qLqLQU07u2WABr3dguBRqxKstwgoXKJfShJuT0g46UJyj"
    "frKdFz91j3cxTG90vKy8LA27tBZTWSaDVbfkTk97B1IyP8jNTQADNNH9d41GNEOmARZ4dF"
    "cXTohOAOPUZZGzBH1tcDsJufSzag+vl1QqUx0cHgfnr19pQcHO7/9GwNIt5EvGgIA2QFce"
    "4XyCFGkZIEgjUbksTLtCBermAadPGpz3df7h/uv9472H8NTfSbTUoOZ0jBBLvlONjgLRZ0"
    "CmQI7xYD2Q7HwCJAa55MsgKJoNQFEe/VIgttEMdc6DszIPNdC+uLPWwMXa7O8IBjLQehjd"
    "XWS8GzFAlanuiWhGgbA3TnPxe+Nz4inz7ivlgnb87enzXPNBjbvPp0cdrAH4Hey4fSHNYE"
    "bne7+ec1CZ7ejU5rDqhUJkkWgnVtjNvlSjKvE3amE2I5Pep3GeoDAeuLW2yy87f/t4+nSL"
    "kr9bMHHkiNmJVD6qOf4anQofL4LfajMeRIevrlsQi9RPAHVTqEYcDojYR3q+t6E9FAODwK"
    "m46oPmTqM45o7xNp3oZ6O+SrZDCGYY581XRfMc3IV/1aKE3ElEf4hBFse6OAK8V80mYdAf"
    "VKR09gBcXP5L5+8t8+6AS6BgTJSmLNX7KDM4ZWQuMvcZdYvKpCqSuUukIt7x2lLkhqMCMi"
    "LyKwOSJPLzpHP3P3lzqRY6lYPzyIL/xxXwyzO8S9ncmjBdrQTAFsw8Gkj7DJEth0sCdXwP"
    "bjHsW2wh0d+4VvuZQo1n/2FLZsWMCXTjUVI7daKnLoOGGqCxMNidPCZT63Ji7y3qK4tgec"
    "XyAmzgoj+EFy9t5jOB8kV/lgka3QtF5qwb0jwPn84+0+LrHw/4FGIBX7VvZMaHKl3S9zXn"
    "q/+Lj0fua0tF42KfApR9Uv5nmSymLeL3kq49XLMh44aFXIaV2XzrygYLfNOZbxn+vLi3w+"
    "x0jSthR3FPkf8bjcGK4bs3DbQ+4p7ssdfGyOXfv9R86wv9AulJ7wECgJA+JWR9qRWbOR9j"
    "SonlpwsIM00h6hKFnZnPBuIdoep1oKbk/PgU0AkbWPGDo4iWU0SE8nEH3ysuwSZDD5n3Z3"
    "9/YOd1/sHbx+tX94+Or1iwk4n62ahdKfnP+KQH1CUlnkPj/T7qw4jYIUu3bFZdSu3zWe77"
    "46iGBIfOkIkuNKg3hQQz2PCJ1YIMQV15BBYI3BHCs5AtaMUL9jNAkdZirrs/BpA0v3oN0C"
    "CQRNDBBhRliTeaVDeLN4dxaJNifXpnQocWyukWPOJPaMYckmZBhvY8DAEi6JJxw8xqYE3u"
    "wwgZoNZmw81l0B5MjeTcQJX/dhYBYuh7nK7JJ+x/krYcbruC5FwKx2e7uHB5P1DX/MWtGu"
    "PzTev4+WsGJY9Z52mbuCFTALDczV8WQUTwd4j5ZG2x7HZnNXMmlGW0y4TnkIyJm/+3btKb"
    "YHCK5FHOkIwdKpgTYdH4ivs9gEiCgsnwDvPjROidCxXOE6qjdLnBN1k16GankYR6wkvlCR"
    "rhz5he2aJ5boXhiowftMZ1PP0b7i1TP1L9BxWugKnKZ4n6+CYa/SSGyEipSEDQdd/3inyZ"
    "EWLULbOjxRpwPQoQECRJ/VxDCAJOpLij5rC3dM0NFndi/sUWtnfnSV1jFejaU1LR0jADqb"
    "CcIw7fGAVzh6dMYiTKWgj21FUQOBPmCGih1o/AT7GWPaNmXu3IpyiU0v7upp/7wOFcCgRK"
    "Hq8JrmdX2hX1ay8NkmKRKLPrOM2356C8wwgLHGKod85ZCvHPIWOOSj+ZirAc13RMbIrVaH"
    "AtblKFE9aWF9m9yWBJwsjRVu2hd533drWQWMb+R2Ldz6C27WKuZygsjevNoR3ldHvaDHvl"
    "GXObxPPUsiHu75YrM7wlyjO7bCmEtB2qjauaCf9RBpDW9W1eaApUcBLDq/dTeH6dahcNm0"
    "6xeeu7HEnovfJpZjz6UuGyu25+J3m8235D73hL6bGCagzoBxbKwpzMVBtTFlrjMWw6wyYC"
    "Z1GzQIaBAa8tj6eRjJrDH0RAX0gkqGySkLY/1Y5/EwaUM0lq9rqquOK1OpMpXsWDTLmEo3"
    "wMxl7aSI1mZFvdaGdVDfyT4IRDegfW0o6Qvfl9Qi128iPcQ7W2oNOVUZHVATl0brN5PiFU"
    "/cLpRFd0phNdtTJ3aPNBpb16eXyiLxmzaaHp0yrnUtE81F8VieJEMfVAacH2WvGtmSHafU"
    "8Xh0orYkY/4SIyBNa5WaMceXLIxPhPvD0lPxIYn9gYUlL4kAViHIWxyCbHN2ZEtAoweUHN"
    "nGNAZzcyMXw1+pfLyr3m9ugKqymXhtc8sU8Xuj11EleJaDEqZ5OhcmXChp7zsM7JBRJFuI"
    "2+lQCAy6ZfqMge41L/WDbq5DOaJWdfxlImsxycQ0GptLcgM6gH9sAkcSeaL03VXjeuhDCJ"
    "gjuj6X4bnJCjOsMEN7lPkKM3y8mGGY9VDnrdGrlyVAoUmhuqirP0lV+fofBWxly7llm9a2"
    "UjAFKi3L5BuXW3iT1OceKHU0qaLpnFbsm0nd9Sizd4a69WI6ZZKqMvVnmvpyGgqxBms/Fl"
    "ixlbyda/Qnx9aidv9mLVp4efetyWeVa9HG6uuzLVps2eropmVzHA7Rg6K4QxUmphoMtHWr"
    "b1Ou60MCjDpZ1a3WgDUvTUmeNi+bH+tE57Td3Xv97EhHt5hT9zrGxpxZTdxjY24tDy+yqa"
    "zXynq1R6+rrNfqTplHIO8chS5zp4xZw5e6uiRDavdpzXUspI/pTPImLi2x5kgyPK7Dg/6y"
    "dyMnaLfHon2LmXlQtwP9D0+XgoJGJeb86IjgEdqyJlxGsZzQi1k5MxJka0nNtCFxv6NeJ4"
    "yowTB4PJ7+8qfDF8dhNhdFEdCgXZCt1fkz7IkrsCGX/zqwhkXM4XkhCAteqrBsAIINrF9z"
    "/MFK2MIVczDxxLgoR0Kivj4LWwjClosnScAsAxpPwLQFxBNSn4PjQRZAmJkm4Tq6j0B3SP"
    "PwByRcNjlCBT9U8ENljlqgk5WBH6rT2sVS37AH1x41ywq/QxW+abn6dHduHNBCmNvw5Yjl"
    "u3Hi9TNVLalbtqhuWtaNYxqjRyXAJGNSRQePfXLusv5AKOY74+cwiI7JDRsoo0URl46zqh"
    "Zm7DNP12k+ox6LOqxP7nVKZS0D8UE35p4QE+lobpoKN90inStxVVMgwC7FPxDK0qv3P5VO"
    "VulklU5mm042mahl9bEJgdVhjLgWMt8dCBChifQ2K+Oy99Rs4u6mydK4APfjNFYLIJWs/A"
    "b3m6RmTFze5Wq5u7TWryCb4bGUqyxDarerrHYV6gUd4DcLBsB2zA2pqBrKOsF85qiRmGgP"
    "N6tmWONW266gVEuMHJu2p7IxqdYarrY4rh+Q5WrFSbj6dpiuDRZwp1fLu8HC1NRnXl8xbT"
    "PPTC1m6Jqh95UviAilZ62vaT2X1Bdbb7ewdS94H2iMxGaFsjyLU1lHyyQdgFYzso5m0g7g"
    "pFqAw2HzB8jdjeQngieq3IwOxZedxUju/rKz+9nz13aZ2UrxA6tuZj/+D2Q6ieA="
)
