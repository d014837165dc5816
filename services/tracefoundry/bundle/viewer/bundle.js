// A bundle: manifest, verification, and its parts by trace, one chunk in memory at a time.
const NOT_IN_ROOT = ['manifest.json', 'signature.dsse.json', 'viewer.html', 'README.md'];

// RFC 8785 for strings, booleans, null and small integers.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

async function openBundle(file) {
  const zip = await openZip(file);
  const bytes = (await readMember(zip, 'manifest.json')).content;
  const manifest = JSON.parse(text(bytes));
  if (manifest.format !== 'tracefoundry-bundle') throw new Refused('manifest.json', 'is of another format');
  if (manifest.version !== 1) {
    throw new Refused('manifest.json', `has format version ${manifest.version}, and this page shows`
      + ' version 1: open the viewer.html of a newer release');
  }
  if (canonical(manifest) !== text(bytes)) throw new Refused('manifest.json', 'is not canonical JSON');
  return { zip, manifest, manifestBytes: bytes, chunks: new Map(), indexes: new Map() };
}

async function verifyBundle(bundle, progress) {
  const { zip, manifest } = bundle;
  const listed = new Set(manifest.members.map((member) => member.path));
  for (const name of zip.entries.keys()) {
    if (!listed.has(name) && name !== 'manifest.json' && name !== 'signature.dsse.json') {
      throw new Refused(name, 'is not listed in the manifest');
    }
  }
  let done = 0;
  const lines = [];
  for (const member of manifest.members) {
    const { content, raw, deflated } = await readMember(zip, member.path);
    if (await sha256(content) !== member.sha256 || content.length !== member.bytes) {
      throw new Refused(member.path, 'its SHA-256 is not that of the manifest');
    }
    if (deflated && member.deflated_sha256 && await sha256(raw) !== member.deflated_sha256) {
      throw new Refused(member.path, 'its compressed bytes are not those of the manifest');
    }
    if (/^payloads\/[0-9a-f]{64}$/.test(member.path) && member.path !== `payloads/${member.sha256}`) {
      throw new Refused(member.path, 'its name is not its SHA-256');
    }
    if (!NOT_IN_ROOT.includes(member.path)) lines.push(`${member.sha256}  ${member.path}\n`);
    if (/^(spans|logs)\.otlp\.\d+\.pb$/.test(member.path)) noteTraces(bundle, member.path, content);
    progress(++done / manifest.members.length);
  }
  const { root, producer, members, ...hashed } = manifest;
  if (await sha256(utf8(lines.join('') + canonical(hashed))) !== root) {
    throw new Refused('manifest.json', 'its root is not that of its members');
  }
}

// Which traces a chunk holds: records are in order, so the first and the last tell.
function noteTraces(bundle, path, content) {
  const field = path.startsWith('spans') ? 1 : 9;
  let before = '', after = '';
  for (const [record] of records(content)) {
    after = traceIdOf(record, field);
    before ||= after;
  }
  bundle.chunks.set(path, [before, after]);
}

async function signatureState(bundle, keyPem) {
  if (!bundle.zip.entries.has('signature.dsse.json')) return 'unsigned';
  try {
    const envelope = JSON.parse(text((await readMember(bundle.zip, 'signature.dsse.json')).content));
    const raw = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const payload = raw(envelope.payload), statement = JSON.parse(text(payload));
    const wanted = canonical([
      { name: 'root', digest: { sha256: bundle.manifest.root } },
      { name: 'manifest.json', digest: { sha256: await sha256(bundle.manifestBytes) } },
    ]);
    const kind = 'application/vnd.in-toto+json';
    if (envelope.payloadType !== kind || statement._type !== 'https://in-toto.io/Statement/v1'
      || statement.predicateType !== 'https://tracefoundry.dev/bundle/v1'
      || canonical(statement.subject) !== wanted) return 'invalid';
    if (!keyPem) return 'signed; choose a public key to check by whom';
    const der = raw(keyPem.replace(/-----[^-]+-----/g, '').replace(/\s/g, ''));
    const key = await crypto.subtle.importKey('spki', der, 'Ed25519', true, ['verify']);
    const start = utf8(`DSSEv1 ${kind.length} ${kind} ${payload.length} `);
    const message = new Uint8Array([...start, ...payload]);
    for (const each of envelope.signatures) {
      if (await crypto.subtle.verify('Ed25519', key, raw(each.sig), message)) return 'known key';
    }
    const keyId = await sha256(new Uint8Array(await crypto.subtle.exportKey('raw', key)));
    return envelope.signatures.some((each) => each.keyid === keyId) ? 'invalid' : 'unknown key';
  } catch (error) {
    return error.name === 'NotSupportedError' ? 'this browser knows no Ed25519' : 'invalid';
  }
}

const names = (bundle, pattern) => [...bundle.zip.entries.keys()].filter((n) => pattern.test(n)).sort();

async function* jsonLines(bundle, pattern) {
  for (const name of names(bundle, pattern)) {
    for (const line of text((await readMember(bundle.zip, name)).content).split('\n')) {
      if (line) yield JSON.parse(line);
    }
  }
}

// Spans or logs of a trace.
async function recordsOf(bundle, traceId, what) {
  const found = [];
  for (const name of names(bundle, new RegExp(`^${what}\\.otlp\\.\\d+\\.pb$`))) {
    const held = bundle.chunks.get(name);
    if (held && (traceId < held[0] || traceId > held[1])) continue;
    const { content } = await readMember(bundle.zip, name);
    for (const [record, resource, scope] of records(content)) {
      if (traceIdOf(record, what === 'spans' ? 1 : 9) !== traceId) continue;
      found.push(what === 'spans' ? spanOf(record, resource, scope) : logOf(record));
    }
  }
  return found;
}

async function payloadOf(bundle, sha) {
  const own = `payloads/${sha}`;
  let content = bundle.zip.entries.has(own) ? (await readMember(bundle.zip, own)).content : null;
  for (const name of content ? [] : names(bundle, /^payloads\/index\./)) {
    const range = bundle.indexes.get(name);
    if (range && (sha < range[0] || sha > range[1])) continue;
    const index = JSON.parse(text((await readMember(bundle.zip, name)).content)).payloads;
    bundle.indexes.set(name, [index[0].sha256, index[index.length - 1].sha256]);
    const place = index.find((each) => each.sha256 === sha);
    if (!place) continue;
    const pack = (await readMember(bundle.zip, place.pack)).content;
    content = pack.subarray(place.offset, place.offset + place.bytes);
    break;
  }
  if (content && await sha256(content) !== sha) throw new Refused(own, 'its SHA-256 is another');
  return content;
}
