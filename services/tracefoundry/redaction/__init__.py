"""The stage between decoding and everything else: what may not be kept is taken out here.

Redaction comes before hashing, truncating, storing and logging. How text flows through it::

    policy, pattern_file       mode, rules, the user's patterns and keys: what is to be redacted
    rules.toml > rules         the tables of built-in rules (provider_rules.toml: keys of a known
                               shape), loaded; secret_checks, personal_data
    engine                     spans, logs, resources; asks the prefilter, most are clean and done
    prefilter                  RE2 sets over the whole text: may any rule or denied key apply?
    values                     a span that is not clean: key by key, denied_keys by name
    texts                      one text: decoded_views and base64_text, then rules, give edits
    edits                      ranges to replace, without overlaps, put into the text
    report                     markers in the text, counts of rules, what was withheld whole

The rows of the tables are where a rule is added. :class:`.engine.Redactor` is what other
packages use.
"""
