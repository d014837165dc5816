"""Secrets of every built-in rule, made at run time from parts, so that no scanner finds one here.

Each strategy gives ``(rule, text, core)``: the name of the rule that must take something out of
``text``, and ``core``, the part of which nothing may be left.
"""

from __future__ import annotations

import re
import string
from base64 import b64encode

from hypothesis import strategies as st

from tracefoundry.redaction.personal_data import luhn

ALNUM = string.ascii_letters + string.digits
TOKEN = ALNUM + "_-"
HEX = "0123456789abcdef"

# What another kind begins with: by chance a random part could hold one (hvs.sk-...), which would
# then rightly be named by the other kind.
_BEGINNINGS = re.compile(
    "sk[-_]|hf_|gsk_|gh[pousr]_|gl(?:pat|sa)|xox|xai|pplx|r8_|nvapi|lsv2|tvly|pcsk|dapi|npm_|pypi"
    "|dckr|hvs|lin_|A[KS]IA|AIza|ya29|SG[.]"
)

Sample = tuple[str, str, str]


def chars(alphabet: str, least: int, most: int | None = None) -> st.SearchStrategy[str]:
    """Texts of the alphabet."""
    return st.text(alphabet, min_size=least, max_size=least if most is None else most)


def _joined(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(p) if isinstance(p, str) else p for p in parts)).map("".join)


def _shape(rule: str, *parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[Sample]:
    alone = _joined(*parts).filter(lambda text: _BEGINNINGS.search(text, 3) is None)
    return alone.map(lambda text: (rule, text, text))


def keys() -> dict[str, st.SearchStrategy[Sample]]:
    """Provider keys, by a name of their own; one rule may have several shapes."""
    dash = "-"
    return {
        "anthropic": _shape("anthropic_key", "sk", dash, "ant", dash, chars(TOKEN, 20, 90)),
        "langfuse": _shape(
            "langfuse_key", "sk", dash, "lf", dash, chars(HEX, 8), dash, chars(HEX, 27)
        ),
        "openrouter": _shape("openrouter_key", "sk", dash, "or", dash, "v1-", chars(HEX, 64)),
        "openai_project": _shape("openai_key", "sk", dash, "proj", dash, chars(TOKEN, 20, 150)),
        "openai": _shape("openai_key", "sk", dash, chars(ALNUM, 20, 48)),
        "google": _shape("google_key", "AI", "za", chars(TOKEN, 35)),
        "google_oauth": _shape("google_oauth", "ya", "29.", chars(TOKEN, 30)),
        "aws": _shape("aws_access_key", "AK", "IA", chars(string.ascii_uppercase, 16)),
        "azure": chars(ALNUM, 86).map(
            lambda text: ("azure_key", "Account" + "Key=" + text + "==", text)
        ),
        "github": _shape("github_token", "gh", "p_", chars(ALNUM, 36)),
        "github_fine": _shape("github_token", "github", "_pat_", chars(ALNUM, 82)),
        "gitlab": _shape("gitlab_token", "gl", "pat-", chars(ALNUM, 20)),
        "slack": _shape("slack_token", "xo", "xb-", chars(string.digits, 12), "-", chars(ALNUM, 8)),
        "stripe": _shape("stripe_key", "sk", "_live_", chars(ALNUM, 24)),
        "huggingface": _shape("huggingface_token", "h", "f_", chars(ALNUM, 34)),
        "groq": _shape("groq_key", "gs", "k_", chars(ALNUM, 52)),
        "xai": _shape("xai_key", "xa", "i-", chars(ALNUM, 80)),
        "perplexity": _shape("perplexity_key", "pp", "lx-", chars(ALNUM, 48)),
        "replicate": _shape("replicate_token", "r", "8_", chars(ALNUM, 37)),
        "nvidia": _shape("nvidia_key", "nva", "pi-", chars(TOKEN, 64)),
        "langsmith": _shape("langsmith_key", "lsv2", "_pt_", chars(HEX, 32)),
        "tavily": _shape("tavily_key", "tv", "ly-", chars(ALNUM, 32)),
        "pinecone": _shape("pinecone_key", "pc", "sk_", chars(ALNUM, 60)),
        "databricks": _shape("databricks_token", "da", "pi", chars(HEX, 32)),
        "npm": _shape("npm_token", "np", "m_", chars(ALNUM, 36)),
        "pypi": _shape("pypi_token", "py", "pi-AgE", chars(TOKEN, 100)),
        "dockerhub": _shape("dockerhub_token", "dckr", "_pat_", chars(TOKEN, 27)),
        "sendgrid": _shape("sendgrid_key", "S", "G.", chars(TOKEN, 22), ".", chars(TOKEN, 43)),
        "digitalocean": _shape("digitalocean_token", "do", "p_v1_", chars(HEX, 64)),
        "telegram": _shape(
            "telegram_token", chars("123456789", 9), ":A", "A", chars(TOKEN, 33)
        ),
        "linear": _shape("linear_key", "lin", "_api_", chars(ALNUM, 40)),
        "vault": _shape("vault_token", "hv", "s.", chars(TOKEN, 24, 90)),
        "grafana": _shape("grafana_token", "gl", "sa_", chars(ALNUM, 32)),
        "age": _shape(
            "age_key", "AGE-SECRET", "-KEY-1", chars(string.ascii_uppercase + "0123456789", 58)
        ),
        "jwt": _shape(
            "jwt", "ey", "J", chars(TOKEN, 20, 60), ".", "ey", "J", chars(TOKEN, 20, 90), ".",
            chars(TOKEN, 43),
        ),
        "private_key": chars(ALNUM + "+/", 64, 200).map(_private_key),
    }  # fmt: skip


def _private_key(body: str) -> Sample:
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    kind = " PRIVATE " + "KEY-----"
    text = f"-----BEGIN RSA{kind}\n{lines}\n-----END RSA{kind}"
    return "private_key", text, body[:64]


def credentials() -> dict[str, st.SearchStrategy[Sample]]:
    """What is known by the words before it."""
    password = _joined(chars(ALNUM, 6, 20), chars(string.digits, 2))
    return {
        "bearer": _joined(chars(ALNUM, 20, 40), "7").map(
            lambda token: ("bearer_token", "Bear" + "er " + token, token)
        ),
        "basic": st.tuples(chars(ALNUM, 3, 10), password).map(_basic),
        "url_password": st.tuples(chars(ALNUM, 3, 10), password).map(
            lambda pair: (
                "url_password", f"postgres:/{'/'}{pair[0]}:{pair[1]}@db.internal/x", pair[1]
            )
        ),
        "assigned": password.map(
            lambda secret: ("assigned_secret", "DB_PASS" + "WORD=" + secret, secret)
        ),
    }  # fmt: skip


def _basic(pair: tuple[str, str]) -> Sample:
    coded = b64encode(":".join(pair).encode()).decode()
    return "basic_auth", "Bas" + "ic " + coded, coded


def personal() -> dict[str, st.SearchStrategy[Sample]]:
    """Personal data, with right check digits."""
    return {
        "email": st.tuples(
            chars(string.ascii_lowercase, 1, 12), chars(string.ascii_lowercase, 2, 12)
        ).map(lambda pair: ("email", f"{pair[0]}{'@'}{pair[1]}.com", f"{pair[0]}@{pair[1]}")),
        "card": chars(string.digits, 14).filter(lambda d: len(set(d)) > 3).map(_card),
        "card_grouped": chars(string.digits, 14).filter(lambda d: len(set(d)) > 3).map(_grouped),
        "us_ssn": st.tuples(
            st.integers(1, 665), st.integers(1, 99), st.integers(1, 9999)
        ).map(lambda n: _whole("us_ssn", f"{n[0]:03}-{n[1]:02}-{n[2]:04}")),
        "iban": chars(string.digits, 18).map(_iban),
        "uk_nino": chars(string.digits, 6).map(lambda d: _whole("uk_nino", f"AB{d}C")),
        "br_cpf": chars(string.digits, 9).filter(lambda d: len(set(d)) > 1).map(_cpf),
    }  # fmt: skip


def _whole(rule: str, text: str) -> Sample:
    return rule, text, text


def card_number(digits: str) -> str:
    """A Visa number from 14 digits."""
    start = "4" + digits
    check = next(c for c in string.digits if luhn((start + c).encode()))
    return start + check


def _card(digits: str) -> Sample:
    return _whole("card", card_number(digits))


def _grouped(digits: str) -> Sample:
    number = card_number(digits)
    return _whole("card", " ".join(number[at : at + 4] for at in range(0, 16, 4)))


def iban(account: str) -> str:
    """A German IBAN from 18 digits."""
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02}{account}"


def _iban(account: str) -> Sample:
    return _whole("iban", iban(account))


def _cpf(digits: str) -> Sample:
    for length in (9, 10):
        total = sum(int(d) * (length + 1 - i) for i, d in enumerate(digits[:length]))
        digits += str(total * 10 % 11 % 10)
    return _whole("br_cpf", f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}")


def all_kinds() -> dict[str, st.SearchStrategy[Sample]]:
    """Every kind of secret."""
    return {**keys(), **credentials(), **personal()}


def any_secret() -> st.SearchStrategy[Sample]:
    """A secret of any kind."""
    return st.one_of(*all_kinds().values())
