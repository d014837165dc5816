"""The demo's agents, models and tools, and the texts of their conversations.

Only data, to keep it out of the scenarios. All people, orders and papers are made up.
"""

from __future__ import annotations

from dataclasses import dataclass

TOOL_SERVICE = "tool-service"
"""The service behind the tools that are called over HTTP."""

RESEARCH_ROUTE = "/runs"
"""The HTTP route by which other agents call the research agent."""

ENVIRONMENTS = ("production", "staging")


@dataclass(frozen=True, slots=True)
class Model:
    """A model: its names in requests and in responses, and a rough speed."""

    name: str
    response_name: str
    provider: str
    host: str
    ms_per_token: int
    is_reasoning: bool = False


FAST = Model("gpt-5-mini", "gpt-5-mini-2025-08-07", "openai", "api.openai.com", 9)
DEEP = Model("gpt-5", "gpt-5-2025-08-07", "openai", "api.openai.com", 10, is_reasoning=True)
CLAUDE = Model(
    "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "anthropic", "api.anthropic.com", 15
)
GEMINI = Model(
    "gemini-2.5-flash",
    "gemini-2.5-flash",
    "gcp.gemini",
    "generativelanguage.googleapis.com",
    6,
)
EMBEDDING = Model("text-embedding-3-small", "text-embedding-3-small", "openai", "api.openai.com", 1)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that an agent may call. ``path`` is set for tools of the tool service."""

    name: str
    description: str
    parameters: tuple[str, ...]
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call of a case: arguments and result as the JSON that travels."""

    tool: Tool
    arguments: str
    result: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question, the tool calls that answer it (in parallel), and the answer."""

    question: str
    calls: tuple[Call, ...]
    answer: str
    retrieves: bool = False
    """Whether the agent also searches its documents."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent: its service, names, instructions, models and tools."""

    service: str
    version: str
    name: str
    agent_id: str
    route: str | None
    """The HTTP route that starts it; None for one that is called in its own process."""
    instructions: str
    models: tuple[Model, ...]
    tools: tuple[Tool, ...]
    documents: str
    """Name of the data source that it retrieves from."""
    cases: tuple[Case, ...]
    passages: tuple[str, ...]


WEB_SEARCH = Tool("web_search", "Search the web", ("query",), "/tools/web_search")
READ_PAGE = Tool("read_page", "Read a web page as text", ("url",), "/tools/read_page")
CALCULATOR = Tool("calculator", "Evaluate an arithmetic expression", ("expression",))
LOOKUP_ORDER = Tool("lookup_order", "Find an order", ("order_id",), "/tools/lookup_order")
TRACK_PARCEL = Tool("track_parcel", "Where a parcel is", ("parcel_id",), "/tools/track_parcel")
ISSUE_REFUND = Tool("issue_refund", "Refund an order", ("order_id",), "/tools/issue_refund")
ESCALATE = Tool("escalate_to_human", "Hand the conversation to a person", ("reason",))


def _call(tool: Tool, value: str, result: str) -> Call:
    return Call(tool, f'{{"{tool.parameters[0]}":"{value}"}}', result)


RESEARCH = Agent(
    service="research-agent",
    version="2.4.1",
    name="research-assistant",
    agent_id="asst_research_01",
    route=None,
    instructions="You are a careful research assistant. Cite a source for every claim. "
    "Say what you could not find.",
    models=(DEEP, CLAUDE, FAST),
    tools=(WEB_SEARCH, READ_PAGE, CALCULATOR),
    documents="papers",
    cases=(
        Case(
            "How much energy does grid-scale battery storage lose in a round trip?",
            (
                _call(
                    WEB_SEARCH,
                    "grid battery round trip efficiency",
                    '{"hits":[{"title":"Utility-scale storage report","score":0.93}]}',
                ),
                _call(
                    READ_PAGE,
                    "https://example.org/storage-report",
                    '{"text":"Lithium-ion systems return 82 to 88 percent of what is stored."}',
                ),
            ),
            "About 12 to 18 percent is lost: lithium-ion systems return 82 to 88 percent [1].",
        ),
        Case(
            "Summarise what is known about sleep and memory consolidation.",
            (),
            "Slow-wave sleep replays recent experience, and the replay predicts recall [1][2]. "
            "Evidence for REM sleep is mixed [3].",
            retrieves=True,
        ),
        Case(
            "Compare the water use of almonds and oats per litre of drink.",
            (
                _call(
                    WEB_SEARCH,
                    "water footprint almond drink litre",
                    '{"hits":[{"title":"Footprints of plant drinks","score":0.88}]}',
                ),
                _call(
                    WEB_SEARCH,
                    "water footprint oat drink litre",
                    '{"hits":[{"title":"Footprints of plant drinks","score":0.91}]}',
                ),
                _call(CALCULATOR, "371 / 48", '{"value":7.729}'),
            ),
            "Almond drink takes roughly 371 litres of water a litre, oat drink 48: "
            "nearly eight times as much [1].",
        ),
        Case(
            "Quels sont les effets des haies sur la biodiversité agricole ?",
            (
                _call(
                    WEB_SEARCH,
                    "haies biodiversité agricole synthèse",
                    '{"hits":[{"title":"Haies et auxiliaires de culture","score":0.86}]}',
                ),
            ),
            "Les haies abritent pollinisateurs et auxiliaires ; l'effet décroît au-delà de 50 m "
            "[1].",
            retrieves=True,
        ),
        Case(
            "Which open problems remain in protein design?",
            (
                _call(
                    READ_PAGE,
                    "https://example.org/protein-design-review",
                    '{"text":"Dynamics, catalysis and immunogenicity stay hard to predict."}',
                ),
            ),
            "Three stand out: conformational dynamics, enzyme catalysis and immunogenicity [1].",
            retrieves=True,
        ),
    ),
    passages=(
        "Replay of hippocampal sequences during slow-wave sleep predicts next-day recall.",
        "A meta-analysis of 42 trials finds small effects of targeted reactivation.",
        "Field margins raised the number of pollinator species by a third.",
    ),
)

SUPPORT = Agent(
    service="support-agent",
    version="5.0.3",
    name="support-triage",
    agent_id="asst_support_07",
    route="/chat",
    instructions="You help customers of a small shop. Be brief and kind. "
    "Never promise a refund before the tool confirms it.",
    models=(FAST, GEMINI, CLAUDE),
    tools=(LOOKUP_ORDER, TRACK_PARCEL, ISSUE_REFUND, ESCALATE),
    documents="help-center",
    cases=(
        Case(
            "Where is my order 48213? It should have been here on Tuesday.",
            (
                _call(LOOKUP_ORDER, "48213", '{"status":"shipped","parcel_id":"PX-9921"}'),
                _call(TRACK_PARCEL, "PX-9921", '{"location":"regional hub","eta":"tomorrow"}'),
            ),
            "Your parcel is at the regional hub and should arrive tomorrow. Sorry for the wait.",
        ),
        Case(
            "The mug arrived broken, I would like my money back.",
            (
                _call(LOOKUP_ORDER, "50177", '{"status":"delivered","total":24.9}'),
                _call(ISSUE_REFUND, "50177", '{"refunded":24.9,"currency":"EUR"}'),
            ),
            "I am sorry about the mug. 24.90 EUR are on their way back to you.",
        ),
        Case(
            "Can I change the delivery address after I have paid?",
            (),
            "Yes, until the order is packed: open it in your account and choose Edit address.",
            retrieves=True,
        ),
        Case(
            "Do you deliver to Iceland, and what does it cost?",
            (),
            "We do. Delivery to Iceland takes 6 to 9 days and costs 14 EUR.",
            retrieves=True,
        ),
        Case(
            "注文 51890 の領収書をもらえますか。",
            (_call(LOOKUP_ORDER, "51890", '{"status":"delivered","invoice":"INV-51890"}'),),
            "はい、領収書 INV-51890 をメールでお送りしました。",
        ),
        Case(
            "This is the third time I ask. I want to talk to a person.",
            (_call(ESCALATE, "repeated contact", '{"queue":"tier-2","position":2}'),),
            "I understand. A colleague will write to you in a few minutes.",
        ),
    ),
    passages=(
        "Orders can be changed until they are packed, usually for two hours.",
        "Delivery outside the union takes 6 to 9 days and is charged by weight.",
        "Receipts are sent by mail and can be downloaded for ten years.",
    ),
)

AGENTS = (RESEARCH, SUPPORT)

FOLLOW_UPS = (
    ("And if it does not come tomorrow?", "Then write to me here and I will ask the carrier."),
    ("Can you send me that as a message?", "Done. You should see it in a minute."),
    ("One more thing: is the blue one back in stock?", "Yes, twelve are left."),
    (
        "Could you say that in simpler words?",
        "Of course. In short: all is well, it only takes a day longer than we said.",
    ),
    ("How sure are you?", "Quite sure: the tool confirmed it a moment ago."),
    ("What did I ask you first?", "You asked about your first order of today."),
    ("Please compare the two options.", "The first is cheaper, the second arrives earlier."),
    ("Thanks. Please keep a note of it.", "Noted. Is there anything else?"),
)
"""Questions and answers of the later turns of a long conversation."""
