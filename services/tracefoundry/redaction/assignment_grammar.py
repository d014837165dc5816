"""The regular expressions of the grammar of :mod:`.assignments`: what may stand between a name and
its value, and what a value is. Each is matched at one place, and all repetition of white space,
names and types is bounded."""

from __future__ import annotations

import re

_COLOUR = rb"\x1b\[[0-9;]{0,12}m"
_CLOSE = rb"(?:[\"'`*_~\])]|%s){0,8}" % _COLOUR
_H = rb"[ \t]{0,40}"
_OPERATOR = rb"(?:=>|:=|\|\|=|\?\?=|\?=|\+=|->|<-|\xef\xbc\x9a|=(?![=~>])|:(?![:=]))"
_TYPE = (
    rb"\w[\w.]{0,40}(?:\[[\w., |]{0,40}\]|<[\w., ]{0,40}>|\[\])?[?!&*]?"
    rb"(?:[ ]?\|[ ]?\w{1,20}){0,3}"
)
_STRING_AHEAD = rb"(?=[bBfFrRuUlL@$]{0,2}[\"'`])"
CONNECTORS = re.compile(
    # name: password, value: value, in JSON, YAML, XML attributes and HCL
    rb"(?P<pair>[\"']?[ \t]{0,8}[,;]?\s{0,40}[\"']?"
    rb"(?i:(?:\w{0,12}_?)?value|val|default|content|data)[\"']?"
    rb"\s{0,4}(?:[:=]>?)[ \t]{0,8}(?:\{\s{0,4}[\"']\w{0,20}(?i:value)[\"']\s{0,4}:\s{0,4})?)"
    # s:8:"password";s:5:"value";  and  ["password"]=> string(5) "value"
    rb"|(?P<counted>[\"']\]?(?:;s:\d{1,6}:|=>\s{0,8}string\(\d{1,6}\) )(?=\"))"
    # password = value; **password:** value; [password] => value; "password"=>"value"
    rb"|(?P<assign>%(close)s%(h)s%(op)s(?:[*_~]{0,3})%(h)s)"
    # password: str = "value"; var password string = "value"; char password[] = "value"
    rb"|(?P<typed>(?:\[\d{0,6}\])?%(h)s(?::%(h)s|[ \t]|(?=[ \t]*=))"
    rb"&?'?(?:%(type)s)?%(h)s:?=(?!=)%(h)s%(ahead)s"
    rb"|[ \t]*\{[^{}\r\n]{0,60}\}[ \t]*=[ \t]*%(ahead)s)"
    # setenv("password", "value"); ("password", "value"); {password, <<"value">>}
    rb"|(?P<comma>[\"'`]?\]?%(h)s,\s{0,8}(?:<<)?%(ahead)s)"
    # password("value")
    rb"|(?P<call>\(\s{0,4}%(ahead)s)"
    rb"|(?P<variable>\"\s{0,4}\{[^{}]{0,300}?\bdefault[ \t]{0,20}=[ \t]{0,20}(?=\"))"
    # <password>value</password>, <td>password</td><td>value</td>
    rb"|(?P<element>[\"']?[^<>\r\n]{0,80}>\s{0,20}(?:<!\[CDATA\[)?"
    rb"|:?\s{0,4}</\w{1,20}>:?\s{0,40}(?:<\w{1,20}[^<>]{0,80}>\s{0,20}){1,3})"
    # | password | value |
    rb"|(?P<cell>[*_`]{0,3}[ \t]{0,40}\|[ \t]{0,40}[*_`]{0,3})"
    # form-data; name="password"
    rb"|(?P<form>[\"']\r?\n\r?\n)"
    # my password is value
    rb"|(?P<prose>(?: (?:for|of|to|on) [^\s.:]{1,40}(?: [^\s.:]{1,40}){0,2})?[ ]"
    rb"(?:(?:is|was|to|has|been|be|now|set|reset"
    rb"|changed|will|should|equals|as)[ ]){1,4}|[ ](?:is|was):[ ])"
    # --password value; ENV PASSWORD value; password 'value'
    rb"|(?P<space>[ \t]{1,40})"
    % {b"close": _CLOSE, b"h": _H, b"op": _OPERATOR, b"type": _TYPE, b"ahead": _STRING_AHEAD},
)
NEXT_LINE = re.compile(rb"[ \t]{0,40}\r?\n\s{0,40}(?=[^\s#-])")
_BARE = rb"[^\s\"'`,;&<>(){}\[\]|\\\x1b]"
VALUE = re.compile(
    rb"(?:![\w!]{0,40}[ ]+|&\w{1,40}[ ]+|\*\*|__|%(colour)s|[\[(](?=[\"'\w])"
    rb"|(?:String::from|SecretString::(?:new|from)|Secret::new|SecretStr|new String|Some|Just)\("
    rb"){0,3}"
    rb"(?:(?P<prefix>[A-Za-z@$]{0,2}|<<)"
    rb"(?:\"\"\"(?P<long>[^\"\\]{1,4096})\"\"\"|'''(?P<long1>[^'\\]{1,4096})'''"
    rb"|\"(?P<double>(?:[^\"\r\n\\]|\\[^\"'\\/bfnrtux\r\n])+)(?:\"|\Z)"
    rb"|'(?P<single>(?:[^'\r\n\\]|\\[^\"'\\/bfnrtux\r\n])+)(?:'|\Z)"
    rb"|`(?P<tick>[^`\r\n\\]+)(?:`|\Z))"
    rb"|(?P<block>[|>][+-]?\d?[ \t]{0,8}\r?\n(?P<indent>[ \t]+)"
    rb"(?P<lines>[^\r\n]+(?:\r?\n(?P=indent)[^\r\n]+)*))"
    rb"|(?P<bare>%(bare)s(?:%(bare)s|\\[^\"'\\/bfnrtux\s])*))"
    % {b"colour": _COLOUR, b"bare": _BARE}
)
ELEMENT_VALUE = re.compile(rb"(?P<bare>[^<>\s][^<>\r\n]{3,4096}?)(?=\s{0,20}(?:</|\]\]>))")
FORM_VALUE = re.compile(rb"(?P<bare>[^\s][^\r\n]{0,4096})")
TYPED = re.compile(rb"%s:%s&?'?%s%s=(?![=>])%s%s" % (_CLOSE, _H, _TYPE, _H, _H, _STRING_AHEAD))
_VALUE_BEGINS = rb"[^\s,;){}\]\\]"
MAY_HAVE_VALUE = re.compile(
    rb"%(close)s[ \t]{0,40}(?:%(op)s[*_~]{0,3}[ \t]{0,40}%(value)s|\|[ \t*_`]{0,43}%(value)s)"
    rb"|[ \t]{0,40}(?::|\xef\xbc\x9a)[*_~]{0,3}[ \t]{0,80}\r?\n"
    rb"|[\"']?[ \t]{0,8}[,;]?\s{0,40}[\"']?(?i:\w{0,13}value|val|default|content|data)"
    rb"|[\"']\]?;s:|\[\d{0,6}\]|[ \t]*\{[^{}\r\n]{0,60}\}"
    rb"|[\"'`]?\]?[ \t]{0,40},\s{0,8}(?:<<)?%(ahead)s|\(\s{0,4}%(ahead)s"
    rb"|\"\s{0,4}\{|[\"']\r?\n\r?\n|[ \t]{1,40}%(value)s"
    rb"|[\"']?[^<>\r\n]{0,80}>|:?\s{0,4}</\w"
    % {b"close": _CLOSE, b"op": _OPERATOR, b"value": _VALUE_BEGINS, b"ahead": _STRING_AHEAD}
)
"""What stands behind a name that has a value: wider than :data:`CONNECTORS` with :data:`VALUE`, and
quicker. Most names in code and prose have none, and they are not looked at any further."""
