"""Messages and replies of model providers in the form of the GenAI conventions.

``[{role, parts: [{type, ...}]}]``, as ``gen_ai.input.messages`` has it. ``inputs`` reads what an
agent sends, ``replies`` what it gets, ``chunks`` what it gets piece by piece. All of them read
dicts and objects alike, by the names of their fields, so that no provider's library is imported.
"""

from __future__ import annotations
