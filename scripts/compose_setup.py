#!/usr/bin/env python3
"""Prepares the servers of compose.yaml: a database role and an S3 account for each process.

``compose_setup.py database`` runs with the superuser of the database, ``compose_setup.py bucket``
with the root account of the S3 server; no other service has either. Both may run again at every
start, also on the volumes of a version that had one role and one account for all processes.
What a role may do in the database is granted by ``tracefoundry migrate`` afterwards.
"""

from __future__ import annotations

import json
import os
import sys
from xml.etree import ElementTree

import boto3
import psycopg
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from psycopg import sql

OWNER = "tracefoundry_migrate"
ROLES = (OWNER, "tracefoundry_ingest", "tracefoundry_query", "tracefoundry_retention")

BUCKET = "traces"
ACCOUNTS = {
    "ingest": ("s3:PutObject",),
    # A deletion packs anew what others still need of an object.
    "query": ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
    "retention": ("s3:DeleteObject",),
}
"""Accounts of the processes, and what each may do with objects. All may list the bucket: that is
how readiness is checked."""

_USER_EXISTS = 409
_FAILED = 300


def prepare_database() -> None:
    """Create the roles, set their passwords, and give the database and its tables to the owner."""
    with psycopg.connect(os.environ["SUPERUSER_DATABASE_URL"]) as connection:
        for role in ROLES:
            password = os.environ[f"{role.removeprefix('tracefoundry_').upper()}_PASSWORD"]
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
            how = "ALTER" if known.fetchone() else "CREATE"
            connection.execute(
                sql.SQL(how + " ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(password)
                )
            )
        database = sql.Identifier(connection.info.dbname)
        for statement in (
            f"GRANT tracefoundry_retention TO {OWNER}",
            f"ALTER DATABASE {{}} OWNER TO {OWNER}",
            "REVOKE ALL ON DATABASE {} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {} TO tracefoundry_query, tracefoundry_retention",
            "GRANT CONNECT, TEMPORARY ON DATABASE {} TO tracefoundry_ingest",
        ):
            connection.execute(sql.SQL(statement).format(database))
        # Tables that an older version made belong to the superuser.
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
            " AND pg_get_userbyid(relowner) = current_user ORDER BY relname"
        ).fetchall()
        for (table,) in tables:
            connection.execute(
                sql.SQL("ALTER TABLE public.{} OWNER TO {}").format(
                    sql.Identifier(table), sql.Identifier(OWNER)
                )
            )


def prepare_bucket() -> None:
    """Create the bucket and the accounts, and let each account do what its process needs."""
    client = boto3.client("s3")
    for process in ACCOUNTS:
        _set_account(*_keys_of(process))
    try:
        client.create_bucket(Bucket=BUCKET)
    except ClientError as error:
        if error.response["Error"]["Code"] not in (
            "BucketAlreadyOwnedByYou",
            "BucketAlreadyExists",
        ):
            raise
    resource = f"arn:aws:s3:::{BUCKET}"
    allowed = [
        {
            "Effect": "Allow",
            "Principal": [_keys_of(process)[0] for process in ACCOUNTS],
            "Action": ["s3:ListBucket"],
            "Resource": [resource],
        },
        *(
            {
                "Effect": "Allow",
                "Principal": [_keys_of(process)[0]],
                "Action": list(actions),
                "Resource": [f"{resource}/*"],
            }
            for process, actions in ACCOUNTS.items()
        ),
    ]
    policy = {"Version": "2012-10-17", "Statement": allowed}
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def _keys_of(process: str) -> tuple[str, str]:
    name = process.upper()
    return os.environ[f"{name}_ACCESS_KEY"], os.environ[f"{name}_SECRET_KEY"]


def _set_account(access_key: str, secret_key: str) -> None:
    """Create an account, or set the secret of one that exists."""
    body = {"Access": access_key, "Secret": secret_key, "Role": "user"}
    answer = _administer("create-user", "Account", body)
    if answer.status_code == _USER_EXISTS:
        change = {"Secret": secret_key}
        answer = _administer(f"update-user?access={access_key}", "MutableProps", change)
    if answer.status_code >= _FAILED:
        raise SystemExit(f"the S3 server refused an account: {answer.status_code} {answer.text}")


def _administer(path: str, name: str, values: dict[str, str]) -> AWSResponse:
    """A signed request to the administration of the S3 server (versitygw)."""
    root = ElementTree.Element(name)
    for field, text in values.items():
        ElementTree.SubElement(root, field).text = text
    url = f"{os.environ['AWS_ENDPOINT_URL_S3']}/{path}"
    request = AWSRequest("PATCH", url, data=ElementTree.tostring(root))
    credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    S3SigV4Auth(credentials, "s3", os.environ["AWS_REGION"]).add_auth(request)
    return URLLib3Session(timeout=30).send(request.prepare())


if __name__ == "__main__":
    {"database": prepare_database, "bucket": prepare_bucket}[sys.argv[1]]()
