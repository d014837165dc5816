"""Ways to write that a name has a value: the value goes, and nothing else does."""

from __future__ import annotations

import json
import random
import string
import time

import pytest

from redaction.assignment_forms import all_forms
from tracefoundry.redaction.assignments import AssignedSecrets, hint_patterns
from tracefoundry.redaction.denied_keys import KeyNames
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy

REDACTOR = Redactor(Policy())
_RANDOM = random.Random(20)
VALUES = ("Tr0ub4" + "dor3", "".join(_RANDOM.choices(string.ascii_letters + string.digits, k=24)))
ASSIGNED = AssignedSecrets(KeyNames((), ()), ())
HINTS = hint_patterns(())


@pytest.mark.parametrize("form", all_forms())
def test_the_value_goes_and_its_surroundings_stay(form: str) -> None:
    """Alone, in other lines, and in JSON text."""
    for value in VALUES:
        text = form.format(v=value)
        for around in (text, f"first line\n{text}\nlast line\n"):
            redacted, report = REDACTOR.redact_text(around)
            assert value not in redacted
            assert report.counts
            head, _, tail = around.partition(value)
            assert redacted.startswith(head)
            assert redacted.endswith(tail)
        assert value not in REDACTOR.redact_text(json.dumps({"text": text}))[0]


@pytest.mark.parametrize("form", all_forms())
def test_beginnings_of_assignments_take_linear_time(form: str) -> None:
    """Repeated; four times the text takes four times the time, not sixteen times."""
    text = form.format(v=VALUES[0])
    for length in (len(text) // 2, len(text) - 2):
        for joint in ("", "\n"):
            part = (text[:length] + joint).encode()
            seconds = []
            for size in (8_192, 32_768):
                before = time.thread_time()
                for _ in ASSIGNED.found(part * (size // len(part)), HINTS):
                    pass
                seconds.append(time.thread_time() - before)
            assert seconds[1] < 9 * seconds[0] + 0.05, part


@pytest.mark.parametrize("name", ["GITHUB_PAT", "DD_APP_KEY", "svcAuth", "MY_SESSION"])
def test_a_random_value_under_another_name_goes(name: str) -> None:
    """In a setting, in JSON text and in code; a word or an id stays."""
    for form in ("{}={}", '{{"{}": "{}"}}', '{} = "{}"', "{}: {}"):
        redacted, _ = REDACTOR.redact_text(form.format(name, VALUES[1]))
        assert VALUES[1] not in redacted
        for value in (
            "getHttp2ConnectionPoolV4",
            "123e4567-e89b-12d3-a456-426614174000",
            "en-US-1",
        ):
            text = form.format(name, value)
            assert text == REDACTOR.redact_text(text)[0]


@pytest.mark.parametrize("name", ["cache_key", "session_id", "public_key_hash"])
def test_hashes_and_ids_stay(name: str) -> None:
    """Their names say that they are no secrets."""
    text = json.dumps({name: f"{_RANDOM.getrandbits(256):064x}"})
    assert text == REDACTOR.redact_text(text)[0]
