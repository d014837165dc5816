"""Places in which secrets stand in traces, written apart from the forms of
:mod:`redaction.assignment_forms`.

Each is a format string of ``{v}``, by group. In the group "other names" the name says less, so
passwords that people choose are not measured there.
"""

from __future__ import annotations

CONTEXTS: dict[str, tuple[str, ...]] = {
    "environment and settings files": (
        "STRIPE_SECRET={v}",
        "export MYSQL_ROOT_PASSWORD='{v}'",
        "JWT_SECRET_KEY = {v}",
        "app.security.jwt-secret={v}",
        "[client]\nuser = root\npassword = {v}\n",
        "smtp:\n  host: mail.example\n  password: {v}\n",
        'token = "{v}"  # rotate in May',
        "env:\n  - name: SERVICE_TOKEN\n    value: {v}\n",
        'environment = [{{ name = "API_SECRET", value = "{v}" }}]',
        "redis.auth.password: '{v}'",
        "data:\n  tls.key: {v}\n",
        "- {{name: session-secret, value: {v}}}",
    ),
    "JSON": (
        '{{"user": "ann", "client_secret": "{v}"}}',
        '{{"apiKey":"{v}","model":"x"}}',
        '{{"headers": {{"x-api-key": "{v}"}}}}',
        '{{"connection": {{"dbPassword": "{v}", "port": 5432}}}}',
        '{{"auth": {{"access_token": "{v}", "expires_in": 3600}}}}',
        '{{\\"refresh_token\\": \\"{v}\\"}}',
        '[{{"Key": "DB_PASSWORD", "Value": "{v}"}}]',
        '{{"encryption_key": ["{v}"]}}',
        "{{'secret_access_key': '{v}'}}",
        '"passphrase" : "{v}"',
    ),
    "code": (
        'client = Client(api_key="{v}", timeout=5)',
        'self._password: str = "{v}"',
        'const API_TOKEN = "{v}";',
        "private static final String SECRET_KEY = \"{v}\";",
        'os.environ["SERVICE_API_KEY"] = "{v}"',
        'req.Header.Set("X-Auth-Token", "{v}")',
        "let secret = String::from(\"{v}\");",
        "$config['db_password'] = '{v}';",
        'config.access_token = "{v}"',
        'auth=("bob", ""), api_secret="{v}"',
    ),
    "commands and logs": (
        "curl -H 'Authorization: Bearer {v}' https://h.example",
        "curl -u admin:{v} https://h.example",
        "psql postgres://app:{v}@db/x",
        "mysqldump --password={v} app",
        "vault login token={v}",
        "docker run -e API_TOKEN={v} image",
        "gh secret set DEPLOY_KEY --api-key {v}",
        "2026-05-01 ERROR login failed user=ann password={v} ip=10.0.0.1",
        'level=debug msg="connecting" secret="{v}" attempt=2',
        "GET /v1/x?api_key={v}&page=2 200",
        "connecting with access_token: {v}",
        "sshpass: password={v}",
    ),
    "markup, tables and prose": (
        "<password>{v}</password>",
        '<setting name="ApiKey" value="{v}" />',
        "<client-secret>{v}</client-secret>",
        "- **API key:** `{v}`",
        "| api_key | `{v}` |",
        "Your API key is {v}",
        "the admin password is {v}",
        "&quot;password&quot;: &quot;{v}&quot;",
    ),
    "other names": (
        "GITHUB_PAT={v}",
        '{{"datadogAppKey": "{v}"}}',
        "vendor_auth: {v}",
        'SIGNING_CRED = "{v}"',
        "deploy_key={v}",
        '{{"session": "{v}"}}',
        "SENTRY_AUTH={v}",
        "telegram-bot-key: {v}",
    ),
}  # fmt: skip
