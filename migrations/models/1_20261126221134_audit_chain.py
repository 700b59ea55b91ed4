"""The audit entries become a chain with a sealed end; what was written before stays as it is."""

from tortoise import BaseDBAsyncClient

from dashtam.database import rules

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return (
        """
        CREATE TABLE IF NOT EXISTS "audit_heads" (
    "id" SMALLINT NOT NULL PRIMARY KEY,
    "sequence" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,
    "key_id" VARCHAR(32) NOT NULL,
    "seal" BYTEA NOT NULL
);
COMMENT ON COLUMN "audit_heads"."sequence" IS 'How many entries the chain has.';
COMMENT ON COLUMN "audit_heads"."hash" IS 'The hash of the last of them.';
COMMENT ON COLUMN "audit_heads"."key_id" IS 'Which key seals it.';
COMMENT ON COLUMN "audit_heads"."seal" IS 'HMAC over sequence and hash, with a key that is not in the database.';
COMMENT ON TABLE "audit_heads" IS 'The sealed end of the chain in provider_audit_logs.';
        ALTER TABLE "provider_audit_logs" ADD "sequence" BIGINT UNIQUE;
        ALTER TABLE "provider_audit_logs" ADD "hash" BYTEA;
        COMMENT ON COLUMN provider_audit_logs."sequence" IS 'Place in the chain, from 1.';
COMMENT ON COLUMN provider_audit_logs."hash" IS 'SHA-256 of the hash before it and of all other columns.';"""
        + rules.STEP_1
    )


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXG1TIrkW/ispvoxTxViKirPO1lahw6ze9a0Ud3Z3ZgtDd4CUTdLTScNw5/rf7znpF5"
    "p+QUBQdPiidJKTpM+TnJw8OekfpZ60maM2bxTzSgfkR0nQHoMfY+llUqKuO0rFBE1bjino"
    "QwmTQltKe9TSkNimjmKQZDNledzVXAosesmk6zAy6EqieEcQLjZR0JYWSHLRwTI14kJ9Us"
    "SlFBT7QHSXEWrbHlPwrIjS0mM25BBHDphHLKogX9ikxRwpOopoSaRgBDtn2vAF/+azppYd"
    "BlXhq375F5K5sNl3pqJH967Z5syxxzTBbazApDf10DVpNzcnHz+Zktj/VtOSjt8To9LuUH"
    "eliIv7Prc3UQbzOkwwj2pmJxQlfMcJFRolBT2GBO35LO6qPUqwWZv6Dqq79GvbFxZqmWBL"
    "TV9zgM6SPZfqTUzZ/y3sZ0Lm+pvzMXjaeINl+vsbb9+8LWVQw66lQAqTLCkQcS40KvDHfd"
    "DESFEmtYRtHR3XrjZ2qqZ2Vyrd8UymUWPp3ghSTQNRA8ZI+5bHUFdNqrMofIQczXssH4lx"
    "yRQidii6Gf2YB5koYQTNaOBHeo7UN6b7cznYeIyqS/Bq9oVwhuFomKD6xslZ/bpRO7vE5n"
    "pKfXOM5mqNOuZUTOowlboRICVhNgdzPK6EfD5pHBN8JP9cnNfTeMblGv+UsE/U17Ip5KAJ"
    "U3c0cKPUSF9QcoS379pz4j0uucb7+fGOtJMAPOz9CG/Wo9zJQn3UpV4+zLFACmHQ13Ksay"
    "6izeb5RaN5XW80m4/BtUe/Nx0mOroLj5W93QnA/lm7MmYUSqXQOg+zKkHe/Zh+XarUQHp2"
    "s0tVN6vnBvuu8/WcEVyMvueeQ4vR+KSZU/+rMTZpIr1unNX+ejs2cU4vzn+PiidwODq9OA"
    "T1oyfRvkusZpjQotbdgII6x3IS65wUgpk1XGVROgyFP/1xxRxq3jkLSOixXXqyz23mHcUV"
    "vlyYRqmR6UBVyoosUm42q1fppVOooB3zStg2tpTSXJ4fHOdN9IXdsNSU/nADnFoLHB9Hdn"
    "xGZJvE8h+IYsxmdpkI1gf/ltkcsCOtofFoVY7bLAgT2htiLTpZ7QG4xeAnK821j+2WifQw"
    "iXbAiHco+NEokiigysQH0KEQeNn4YuSODdc+9NqHXvtUq+BTrX3onwvvaXxoMNCzeNBh8V"
    "fnP1encZ+rxd5zNeM8m/8zaDYq/ypc5XHlblfeT6FdKFWoXpM3rt9kz2bYmqTEXoW2n2Jj"
    "klT9gLUU+JSzjO6EyKtQeXr3vTfV7ntvwu57Lz3AwWp3pcf/S/OHOOq6Lvye0fcJdI4Ki2"
    "X0nqlklbVfOpYDwjVxmFawWcnj+KcyN9VprE16zU0Ym2oaCq6atE95oI4MEodSOoyKgv1I"
    "SjSl/xbILguAOCWJQMF28nPX7Mtg/8cV8Ri8j8KNoCAht4CHIlxPCccE9R9eXJyO2aPDk7"
    "TBuTk7rAM+Bh4ohFYDkk/OG2t65MXTIwnNTSBKxvX7MGXSTCH8MHtyDdbSBi0Rh4s7RVpM"
    "DxgTAUFizgJjNiVLl1yEZ4Nv8CgxUQ0ZcN01J4eRMDIxfRgbTpCF3IqCN47zic3bbfjXGh"
    "LqcKqKmJIv5qDUvBkWK/27pk7W1Ml6K11eUydrvJ+ROgmM8QyboFhglZ3weff4W1vTeN1b"
    "W8VuN+aN+92wvmq/QMUP731G0k+n75LLjEeQXbSSGRnf22O47zHuhDogYdEyAR+G96EB9t"
    "3lHp7oeKwv75iN5zBt2FQwe0U2SKEDNt9il5JdgPkLrfWyt6ufuKc0OI8WOnUBVo/fIa24"
    "Fcwue7EXPpu3mRJbpNuZhfspieXHOJMJZ0LNrNGEyHK1uSrk5gPqzJAF49rNqvaT9BjviD"
    "/YMLOw5BMCUYTry1RphgKAZI8O4n1kckDBu8Mbs4CLOapdH9U+1ku5ZmABak0GTLzIuf+g"
    "ZlPGb0y7V2CRr06OGqX7YnJrJq5mhJEG5yGHSo44sAvBGhL+TM+ENaIKV2JBXgwHNgetFa"
    "hhAqMV62kKMsuANC2PxSg4gaTjUXizD0SC54h0FJJQXJE+VxyDcLgI4nqg0SDQXfrw1zC6"
    "inhykBdJb6pEiotZHtOqDD+wqQNTN8hgqD0Z8W7omroOtYLAevPrA7ntM09B5i0U9AW2FZ"
    "TpMXhYhwWtua0117EKXv6a2/q58J6K27IsplSwFjUD05/jN3BBvWEB15VfQfr4c6iZerke"
    "dO4JJ8ZLJEH+s3Z1eHJeu/o7P+QiKp8E8PDvRr2W2hB6rA253UdAUlTDnJispk/3lJDcsW"
    "HuFn1i+Fz+Dn1hlOQCdjulz11udTF02zh9CvxF3Z2LaNypTEE07lQKiUbMGld5wISqOdah"
    "ccmXQzJeBEH5gT0lZu5+MPUchPH9ivJpaeCXu0BlPZLIms0/IvJreHEjI3yN1NCAbZq5rv"
    "FTjxFlwY44OyyKo0NjgSc8McruAXOwvnZh3/xOMZea9suEqmCLDhvujatPR6S6v/vL2wVA"
    "vIx40ZAGyAJxIgpwSEikkECyZklIbKeB2H7E1qCDrb6rbO/u777fqe6+hyKmZ3HK/gQUgm"
    "C3nAM26MWMhwIZwaflQF7GwcAsRGseJllAIip1Rsb7cZGFqwDHg9R3ZkDmHy0sLvaw5ttc"
    "1/GCYymHoU3klqeiZykKNB3ZmZKirbl4nP9OCmd4QG4ucV0sk4/103qjbsjYxtXN+VENHz"
    "yzlvsquKwJ2u508u9rQlOWjm5rulTp4BsnSNa1MG6Xa8WcdliZ+Z6J1aWiw9Af8FhP9rHI"
    "5lfxVeAtUm4r07brAGoksBzKXP0Mb4X62uF9rMdwyBF6pvOYhKdE8INqE8LgMnqnoG9lkx"
    "9ENBAOTWHRATWXTAXjyPa+UUFvqLNJbhWDMQxz5NbI3eLF8VvTLUQTOeUBtjCAZW/gca2Z"
    "IC3WlpCvTfQEZlB8TS5My18F+AQmB4BkU3LNX7KDM8FWQuEvySOxZNaapV6z1GvW8tlZaj"
    "CLMucAekJEXiSwyhF5xugc/Mrt38pEDZVmvfAivhTDnvSzK8Sz3cmjBd7QRABewsWkS1hk"
    "CSw6WJMtYfmxDxJL4aaJ/cJezgXF4u+ewpINBrzggt7DgZMJ8ZVGRfmWFX7qIoiGxGlhM8"
    "FXJi7y2aK4Xg45P0NM3Epsgl+lZp89hvNVapW7syyFQem5DO4TEc4nl/1dNLHwv2oYSM2+"
    "T3sndNzS7k5zX3q3+Lr0bua2tDGbFPSU4+oX63xcaoV1P+etjL3taU7goFShpk1e+ssLGl"
    "bbnGsZ/7m+OM/Xc0IkvZfilib/Iw5XS+N1Ezvcls8dzYXaxGZz9rU/7nOG/bk5QulKB4mS"
    "MCDu8Uw7Kmsy054m1VMGBytIM+0Ri5LF5pB3Ctn2pNRcdHt6DiyDiCxdYuhgHMsYMD1tT/"
    "bI9rQmKODkf6lUdnb2K1s71fd7u/v7e++3YnI+mzWJpT88+R2J+jGkssx9/rcTJ8VpFHw0"
    "cbXiMkrXx7V3lb1qRENipyNKjmtD4kEOdRwizYcFQl5xAV8QWGAwx6MOAhbMUB8zOk4dZj"
    "LLk/jpgJbuQrkZPiAYxAARFoAVzysTwpvlu7NMdHBzbSSHiGNxwxxzprBmDEsOQobLZGAC"
    "S7gijrTwGpuW+GHumGoOOOPgxLojQRzVu4w44eseDMxCc5jrzM557viwJcycOi7KEQis3U"
    "5lvxrbN3yYZNGuz2qnp5EJK6ZVn2mVeSpaAb9CA3N1GI/i0QDv0qnZtp9jsXkqTBrREhPa"
    "KQcJueB3b7XWlFUPEFwIHOkIwak/DbTs+EDszmwTIJJY8QlwfFY7ItLEcoV21CyWOCfKwe"
    "dlqMEjOIhVREgd+crRufBqzZNV8b2YB0M51/EKciZ7XaMyDzlcxQv3gp2bR/s1oYuyspEm"
    "i4mtKnZvCsPVis12cbzaStntOVmk5Xze0J2JHQ2Lv0LtLuXLKdCizuVCizm6hMjTc3TPw+"
    "UvjIN71sXs/v+GmaSy"
)
