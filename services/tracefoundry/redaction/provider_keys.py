"""The built-in rules for keys and tokens whose shape their issuer made recognisable.

One line a kind. Prefixes and lengths are those that the issuers document or that their keys show;
lengths are lower bounds, because issuers lengthen keys and a cut key is still a leak. Keys without
a shape (a plain 40-character string) are found by the name they are assigned to: see
:mod:`.assigned_secrets` and :mod:`.key_names`.
"""

from __future__ import annotations

from tracefoundry.redaction.long_base64 import ALL_LETTERS
from tracefoundry.redaction.rules import Rule

_T = "[A-Za-z0-9_-]"
_A = "[A-Za-z0-9]"
_HEX = "[0-9a-fA-F]"
_GITLAB_KINDS = ["pat", "dt", "ptt", "rt", "cbt", "ft", "imt", "agent", "oas", "soat", "ffct"]


def _key(name: str, pattern: str, *, bounded: bool = False, screen: str | None = None) -> Rule:
    return Rule(name=name, pattern=pattern, bounded=bounded, screen=screen)


def is_no_accident(text: bytes, start: int, end: int) -> bool:
    """False in the middle of many random letters, where any four of them stand now and then."""
    before = text[max(0, start - _RANDOM_LETTERS) : start]
    inside = len(before) == _RANDOM_LETTERS and before[-1:].isalnum()
    return not (inside and ALL_LETTERS.issuperset(before))


_RANDOM_LETTERS = 64


def stands_alone(text: bytes, start: int, end: int) -> bool:
    """Whether no letter and no digit touches it."""
    return not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum()


def _short(name: str, pattern: str) -> Rule:
    """A key that only a few letters tell."""
    return Rule(name=name, pattern=pattern, check=is_no_accident)


PROVIDER_KEYS: tuple[Rule, ...] = (
    _key("anthropic_key", f"sk-ant-{_T}{{20,}}"),
    _key("langfuse_key", f"[ps]k-lf-{_HEX}{{8}}-{_T}{{20,}}"),
    _key("openrouter_key", f"sk-or-v1-{_A}{{32,}}"),
    # A project key may be preceded by anything; a bare sk- also ends words like task-.
    _key("openai_key", f"sk-(?:proj|svcacct|admin|None)-{_T}{{20,}}"),
    _key("openai_key", f"sk-{_T}{{20,}}", bounded=True),
    _key("google_key", f"AIza{_T}{{35}}"),
    _key("google_oauth", f"ya29\\.{_T}{{20,}}", bounded=True),
    _key("google_oauth", f"GOCSPX-{_T}{{20,}}"),
    _key(
        "aws_access_key",
        "(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|ANPA|ANVA|APKA)[A-Z0-9]{16}",
    ),
    _key("aws_bedrock_key", f"ABSK{_A}{{100,}}", bounded=True),
    _key("azure_key", "(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,}={0,2})"),
    Rule(
        name="azure_key",
        pattern=f"{_A}{{52}}JQQJ9{_A}{{20,}}",
        screen=f"JQQJ9{_A}{{20}}",
        check=stands_alone,
    ),
    _key(
        "azure_key",
        "[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}",
        screen="[0-9]Q~[A-Za-z0-9_~.-]{31}",
    ),
    _key("azure_sas", "[?&]sig=([A-Za-z0-9%+/=_-]{40,})"),
    _short("github_token", f"gh[pousr]_{_A}{{36,}}"),
    _key("github_token", "github_pat_[A-Za-z0-9_]{22,}"),
    _key("gitlab_token", f"gl(?:{'|'.join(_GITLAB_KINDS)})-{_T}{{20,}}"),
    Rule(
        name="slack_token",
        pattern="xox[abcdeoprs]-[A-Za-z0-9-]{10,}",
        cores=("xox[abcdeoprs]-[A-Za-z0-9-]{4}",),
    ),
    _key("slack_token", "xapp-[0-9]-[A-Za-z0-9-]{20,}"),
    _key("slack_webhook", "hooks\\.slack\\.com/(?:services|workflows)/([A-Za-z0-9/]{20,})"),
    _key("stripe_key", f"[rs]k_(?:live|test)_{_A}{{16,}}"),
    _key("stripe_key", "whsec_[A-Za-z0-9+/=]{24,}"),
    _short("huggingface_token", f"hf_{_A}{{30,}}"),
    _key("huggingface_token", f"api_org_{_A}{{30,}}"),
    _short("groq_key", f"gsk_{_A}{{40,}}"),
    _short("xai_key", f"xai-{_A}{{60,}}"),
    _key("perplexity_key", f"pplx-{_A}{{40,}}"),
    _key("replicate_token", f"r8_{_A}{{37}}", bounded=True),
    _key("fireworks_key", f"fw_{_A}{{22,}}", bounded=True),
    _key("nvidia_key", f"nvapi-{_T}{{40,}}"),
    _key("langsmith_key", f"lsv2_(?:pt|sk)_{_A}{{32,}}"),
    _key("tavily_key", f"tvly-{_T}{{20,}}"),
    _key("pinecone_key", f"pcsk_{_T}{{40,}}"),
    _key("databricks_token", f"dapi{_HEX}{{32}}", bounded=True),
    _short("npm_token", f"npm_{_A}{{36}}"),
    _key("pypi_token", f"pypi-AgE{_T}{{50,}}"),
    _key("dockerhub_token", f"dckr_pat_{_T}{{20,}}"),
    _key("sendgrid_key", f"SG\\.{_T}{{22}}\\.{_T}{{43}}"),
    _key("twilio_key", "SK[0-9a-f]{32}", bounded=True),
    _key("digitalocean_token", "do[opr]_v1_[0-9a-f]{64}"),
    _key("shopify_token", f"shp(?:at|ca|pa|ss)_{_HEX}{{32}}"),
    _key("telegram_token", f"[0-9]{{8,10}}:AA{_T}{{33}}", screen=f":AA{_T}{{33}}"),
    _key("square_token", f"sq0(?:atp|csp|idp)-{_T}{{22,}}"),
    _key("atlassian_token", "ATATT3[A-Za-z0-9_=-]{60,}"),
    _key("linear_key", f"lin_(?:api|oauth)_{_A}{{32,}}"),
    _key("notion_token", f"ntn_{_A}{{40,}}"),
    _key("notion_token", f"secret_{_A}{{43}}"),
    _key("airtable_token", f"pat{_A}{{14}}\\.[0-9a-f]{{64}}", bounded=True),
    _key("vault_token", f"hv[sbr]\\.{_T}{{24,}}", bounded=True),
    _key("terraform_token", f"{_A}{{14}}\\.atlasv1\\.{_T}{{40,}}", screen="[.]atlasv1[.]"),
    _key("grafana_token", f"gl(?:sa|c)_{_A}{{32,}}"),
    _key("new_relic_key", "NRAK-[A-Z0-9]{27}"),
    _key("sentry_token", "sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    _key("supabase_token", "sbp_[0-9a-f]{40}"),
    _key("planetscale_token", f"pscale_(?:tkn|oauth|pw)_{_T}{{32,}}"),
    _key("age_key", "AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _key("together_key", f"tgp_v1_{_T}{{40,}}"),
    _key("elevenlabs_key", f"sk_{_HEX}{{48}}", bounded=True),
    _key("e2b_key", f"e2b_{_HEX}{{40}}"),
    _key("cerebras_key", f"csk-{_A}{{40,}}", bounded=True),
    _key("logfire_token", f"pylf_v1_[a-z]{{2,10}}_{_A}{{40,}}"),
    _key("jina_key", f"jina_{_A}{{40,}}"),
    _key("firecrawl_key", f"fc-{_HEX}{{32}}", bounded=True),
    _key("cursor_key", f"key_{_HEX}{{64}}", bounded=True),
    _key("posthog_key", f"ph[cx]_{_A}{{40,}}", bounded=True),
    _key("aws_bedrock_key", "bedrock-api-key-[A-Za-z0-9+/=_-]{40,}"),
    Rule(
        name="azure_devops_token",
        pattern=f"{_A}{{76}}AZDO{_A}{{4}}",
        screen=f"AZDO{_A}{{4}}",
        check=stands_alone,
    ),
    _key("google_oauth", f"1//0{_T}{{40,}}", bounded=True),
    _key("gitlab_token", f"GR1348941{_T}{{20,}}"),
    _key("doppler_token", "dp\\.(?:pt|st|ct|sa|scim|audit)\\.[A-Za-z0-9_.-]{40,}", bounded=True),
    _key("mailgun_key", f"key-{_HEX}{{32}}", bounded=True),
    _key("discord_token", f"[MNO]{_T}{{23,27}}\\.{_T}{{6}}\\.{_T}{{27,}}", bounded=True),
    _key("fly_token", "fm[12][a-z]?_[A-Za-z0-9+/=_-]{40,}", bounded=True),
    _key("figma_token", f"figd_{_T}{{40,}}"),
    _key("netlify_token", f"nfp_{_A}{{36,}}", bounded=True),
    _key("pulumi_token", f"pul-{_HEX}{{40}}", bounded=True),
    _key("postman_key", f"PMAK-{_HEX}{{24}}-{_HEX}{{34}}"),
    _key("heroku_key", f"HRKU-{_T}{{30,}}"),
    _key("rubygems_key", f"rubygems_{_HEX}{{48}}"),
    _key("clojars_token", f"CLOJARS_{_HEX}{{60}}"),
    _key("buildkite_token", f"bk[a-z]{{2}}_{_HEX}{{40}}", bounded=True),
    _key("jwt", f"ey[JK]{_T}{{8,}}\\.{_T}{{8,}}\\.{_T}*"),
    Rule(
        name="private_key",
        # To the end marker; where that is cut off, over all that can be part of a key.
        pattern="-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        "(?:[A-Za-z0-9+/=\\s\\\\,:;.()_\"'>|*#-]*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        "|[A-Za-z0-9+/=\\s\\\\]*)",
        screen="-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
    ),
    _key(
        "private_key",
        "Private-Lines: [0-9]+((?:\\s|\\\\+[nr])+[A-Za-z0-9+/=\\s\\\\]+)",
        screen="Private-Lines: [0-9]",
    ),
)
