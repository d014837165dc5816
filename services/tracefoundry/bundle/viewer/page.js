// What is shown. Text from the bundle only ever becomes text nodes.
const ROWS = 2000;
const at = (id) => document.getElementById(id);
let bundle = null;
let keyPem = '';

function element(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value !== null) made.setAttribute(key, value);
  }
  made.append(...children.map((child) => (child === null || child === undefined ? '' : child)));
  return made;
}

function table(headings, rows) {
  const head = headings.map((each) => element('th', { class: numeric(each) }, each));
  return element('table', {}, element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...rows));
}

const numeric = (heading) => (['spans', 'logs', 'start', 'duration', 'tokens'].includes(heading) ? 'number' : null);

function row(cells, classes, action) {
  const made = element('tr', {
    class: classes, tabindex: '0', onclick: action,
    onkeydown: (event) => { if (event.key === 'Enter') made.click(); },
  }, ...cells);
  return made;
}

function select(chosen) {
  for (const each of chosen.parentNode.children) each.removeAttribute('aria-selected');
  chosen.setAttribute('aria-selected', 'true');
}

function say(state, message) {
  document.body.dataset.state = state;
  at('verdict').textContent = message;
}

async function open(file) {
  for (const id of ['facts', 'traces', 'spans', 'span']) at(id).replaceChildren();
  bundle = null;
  try {
    say('reading', `Reading ${file.name} ...`);
    const opened = await openBundle(file);
    showFacts(opened.manifest);
    await verifyBundle(opened, (share) => say('reading', `Verifying: ${Math.round(share * 100)} %`));
    bundle = opened;
    await showSignature();
    await showTraces();
  } catch (error) {
    const unreadable = error instanceof Refused ? error.message : `the file cannot be read (${error.message})`;
    say('invalid', `INVALID: ${unreadable}`);
  }
}

async function showSignature() {
  if (!bundle) return;
  const state = await signatureState(bundle, keyPem);
  if (state === 'invalid') say('invalid', 'INVALID: signature.dsse.json does not sign this bundle');
  else say('valid', `VALID: every byte is as the manifest says. Signature: ${state}.`);
}

function showFacts(manifest) {
  const { counts, redaction, source } = manifest;
  const facts = [
    ['Root', manifest.root], ['Newest span', manifest.created],
    ['Holds', Object.entries(counts).map(([what, number]) => `${number} ${what}`).join(', ')],
    ['Redaction', redaction.mode], ['Environment', source.environment], ['Commit', source.git_commit],
    ['Taken out', redaction.report.map((each) => `${each.rule} ${each.count}`).join(', ')],
  ];
  at('facts').replaceChildren(...facts.filter(([, value]) => value)
    .map(([name, value]) => element('span', {}, element('b', {}, `${name}: `), String(value))));
}

async function showTraces() {
  const rows = [];
  for await (const trace of jsonLines(bundle, /^traces\./)) {
    const made = row([trace.trace_id, trace.project, trace.status, trace.environment,
      trace.spans, trace.logs, Object.entries(trace.payloads).map((each) => each.join(' ')).join(', ')]
      .map((value) => element('td', { class: typeof value === 'number' ? 'number' : null },
        value === null ? '' : String(value))),
    trace.status === 'error' ? 'trace error' : 'trace',
    () => { select(made); showTrace(trace.trace_id); });
    rows.push(made);
  }
  at('traces').replaceChildren(
    table(['trace', 'project', 'status', 'environment', 'spans', 'logs', 'payloads'], rows));
  if (rows.length) rows[0].click();
}

async function showTrace(traceId) {
  at('span').replaceChildren();
  at('spans').replaceChildren('Reading spans ...');
  const opened = bundle;
  const spans = await recordsOf(opened, traceId, 'spans');
  const logs = await recordsOf(opened, traceId, 'logs');
  const facts = new Map();
  for await (const line of jsonLines(opened, /^facts\./)) {
    if (line.trace_id === traceId && line.start_time_ns) facts.set(`${line.span_id} ${line.start_time_ns}`, line);
  }
  if (opened !== bundle) return;
  const least = spans.reduce((low, span) => (span.start < low ? span.start : low), spans.length ? spans[0].start : 0n);
  const most = spans.reduce((high, span) => (span.end > high ? span.end : high), least);
  const rows = [];
  for (const [span, depth] of inTreeOrder(spans)) {
    rows.push(() => spanRow(span, depth, least, most - least, () => showSpan(span, logs, facts)));
  }
  const body = table(['span', 'kind', 'time', 'start', 'duration', 'tokens'], []);
  const more = () => {
    body.lastChild.append(...rows.splice(0, ROWS).map((make) => make()));
    button.textContent = `Show ${Math.min(ROWS, rows.length)} of ${rows.length} more spans`;
    if (!rows.length) button.remove();
  };
  const button = element('button', { onclick: more }, '');
  at('spans').replaceChildren(element('p', {}, `${spans.length} spans, ${logs.length} log records`), body, button);
  more();
}

// Parents before children, children by start; without recursion, as traces may be deep.
function inTreeOrder(spans) {
  const ids = new Set(spans.map((span) => span.id)), children = new Map(), ordered = [];
  const roots = spans.filter((span) => !ids.has(span.parent) || span.parent === span.id);
  for (const span of spans) {
    if (!children.has(span.parent)) children.set(span.parent, []);
    children.get(span.parent).push(span);
  }
  const seen = new Set();
  for (const start of [...roots, ...spans]) {
    const stack = [[start, 0]];
    while (stack.length) {
      const [span, depth] = stack.pop();
      if (seen.has(span)) continue;
      seen.add(span);
      ordered.push([span, depth]);
      const below = children.get(span.id) || [];
      for (let i = below.length - 1; i >= 0; i--) stack.push([below[i], depth + 1]);
    }
  }
  return ordered;
}

const tokensOf = (span) => ['input', 'output']
  .map((which) => span.attributes.get(`gen_ai.usage.${which}_tokens`)).filter((n) => typeof n === 'bigint')
  .reduce((sum, n) => sum + n, 0n);

function milliseconds(ns) {
  const number = Number(ns) / 1e6;
  return number >= 1000 ? `${(number / 1000).toFixed(2)} s` : `${number.toFixed(number < 10 ? 2 : 0)} ms`;
}

function spanRow(span, depth, least, whole, action) {
  const share = (ns) => (whole > 0n ? Number(ns) / Number(whole) : 0);
  const length = span.end > span.start ? span.end - span.start : 0n;
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const bar = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  svg.setAttribute('viewBox', '0 0 100 10');
  svg.setAttribute('preserveAspectRatio', 'none');
  bar.setAttribute('x', share(span.start - least) * 100);
  bar.setAttribute('width', Math.max(0.7, share(length) * 100));
  bar.setAttribute('height', 10);
  svg.append(bar);
  const kind = span.attributes.get('gen_ai.operation.name') || span.kind;
  const tokens = tokensOf(span);
  const made = row([
    element('td', { title: span.name }, '\u2007\u2007'.repeat(Math.min(depth, 30)) + span.name),
    element('td', {}, String(kind)), element('td', {}, svg),
    element('td', { class: 'number' }, milliseconds(span.start - least)),
    element('td', { class: 'number' }, milliseconds(length)),
    element('td', { class: 'number' }, tokens ? String(tokens) : ''),
  ], span.error ? 'span error' : 'span', () => { select(made); action(); });
  return made;
}

const shown = (value) => (typeof value === 'string' || typeof value === 'bigint' ? `${value}` : JSON.stringify(value, (_, each) => {
  if (typeof each === 'bigint') return String(each);
  return each instanceof Map ? Object.fromEntries(each) : each;
}, 1));

function listOf(attributes) {
  const parts = [];
  for (const [key, value] of attributes) {
    parts.push(element('dt', {}, key), element('dd', {}, shown(value)));
  }
  return element('dl', {}, ...parts);
}

function showSpan(span, logs, facts) {
  const line = facts.get(`${span.id} ${span.start}`);
  const parts = [
    element('h2', {}, span.name),
    listOf(new Map([['span', span.id], ['parent', span.parent || 'none'], ['scope', span.scope],
      ['status', span.error ? `error ${span.status}` : span.status || 'unset'],
      ['start', new Date(Number(span.start / 1000000n)).toISOString()]])),
    element('h3', {}, 'Payloads'),
    ...(line ? line.payloads : []).map(payloadPart),
    element('h3', {}, 'Attributes'), listOf(span.attributes),
  ];
  if (!line || !line.payloads.length) parts.splice(2, 1);
  for (const event of span.events) parts.push(element('h3', {}, `Event ${event.name}`), listOf(event.attributes));
  for (const log of logs.filter((each) => each.spanId === span.id)) {
    parts.push(element('h3', {}, `Log ${log.name}`), listOf(log.attributes));
    if (log.body !== null) parts.push(element('pre', {}, shown(log.body)));
  }
  parts.push(element('h3', {}, 'Resource'), listOf(span.resource));
  at('span').replaceChildren(...parts);
}

function payloadPart(entry) {
  const label = `${entry.key} (${entry.place}), ${entry.bytes === null ? 'unknown size' : `${entry.bytes} bytes`}`;
  if (entry.state !== 'present' || !/^sha256:/.test(entry.ref || '')) {
    return element('p', {}, `${label}: ${entry.state}`);
  }
  const details = element('details', {}, element('summary', {}, label));
  details.addEventListener('toggle', async () => {
    if (details.children.length > 1) return;
    let content;
    try {
      const bytes = await payloadOf(bundle, entry.ref.slice(7));
      content = bytes ? text(bytes.subarray(0, 1 << 20)) : 'not in this bundle';
      if (bytes && bytes.length > 1 << 20) content += '\n... cut here at 1 MiB; see bundle extract';
    } catch (error) { content = error.message; }
    details.append(element('pre', { class: 'payload' }, content));
  });
  return details;
}

at('bundle').addEventListener('change', (event) => { if (event.target.files[0]) open(event.target.files[0]); });
at('key').addEventListener('change', async (event) => {
  keyPem = event.target.files[0] ? await event.target.files[0].text() : '';
  await showSignature();
});
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
});
