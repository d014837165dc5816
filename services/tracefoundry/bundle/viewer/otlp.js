// The few protobuf messages of OTLP that a bundle holds, decoded by hand.
function* fields(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('is no OTLP: it is cut off');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint()), kind = tag & 7;
    let value;
    if (kind === 0) value = varint();
    else if (kind === 1) { value = view.getBigUint64(at, true); at += 8; }
    else if (kind === 5) { value = view.getUint32(at, true); at += 4; }
    else if (kind === 2) {
      const length = Number(varint());
      value = bytes.subarray(at, at + length);
      at += length;
    } else throw new Error('is no OTLP: an unknown kind of field');
    yield [tag >> 3, value];
  }
}

const text = (bytes) => new TextDecoder().decode(bytes);

function anyValue(bytes) {
  for (const [field, value] of fields(bytes)) {
    if (field === 1) return text(value);
    if (field === 2) return value !== 0n;
    if (field === 3) return BigInt.asIntN(64, value);
    if (field === 4) {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, value);
      return view.getFloat64(0);
    }
    if (field === 5) return [...fields(value)].map(([, item]) => anyValue(item));
    if (field === 6) return attributes([...fields(value)].map(([, item]) => item));
    if (field === 7) return `${value.length} bytes: ${hex(value.subarray(0, 64))}`;
  }
  return null;
}

function attributes(pairs) {
  const found = new Map();
  for (const pair of pairs) {
    let key = '', value = null;
    for (const [field, part] of fields(pair)) {
      if (field === 1) key = text(part);
      if (field === 2) value = anyValue(part);
    }
    found.set(key, value);
  }
  return found;
}

// A message as {field: [values]}.
function message(bytes) {
  const found = {};
  for (const [field, value] of fields(bytes)) (found[field] ||= []).push(value);
  return found;
}

const first = (part, field, otherwise) => (part[field] ? part[field][0] : otherwise);
const NONE = new Uint8Array();

function spanOf(bytes, resource, scope) {
  const part = message(bytes), status = message(first(part, 15, NONE));
  return {
    traceId: hex(first(part, 1, NONE)), id: hex(first(part, 2, NONE)),
    parent: hex(first(part, 4, NONE)), name: text(first(part, 5, NONE)),
    kind: ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][
      Number(first(part, 6, 0n))] || 'unspecified',
    start: first(part, 7, 0n), end: first(part, 8, 0n), attributes: attributes(part[9] || []),
    events: (part[11] || []).map((each) => {
      const event = message(each);
      return {
        time: first(event, 1, 0n), name: text(first(event, 2, NONE)),
        attributes: attributes(event[3] || []),
      };
    }),
    error: first(status, 3, 0n) === 2n, status: text(first(status, 2, NONE)), resource, scope,
  };
}

function logOf(bytes) {
  const part = message(bytes);
  return {
    traceId: hex(first(part, 9, NONE)), spanId: hex(first(part, 10, NONE)),
    name: text(first(part, 12, NONE)), time: first(part, 1, 0n),
    body: part[5] ? anyValue(part[5][0]) : null, attributes: attributes(part[6] || []),
  };
}

// Records of a request, one after another: (bytes of the record, resource, scope).
function* records(request) {
  for (const [, envelope] of fields(request)) {
    const part = message(envelope);
    const resource = attributes(message(first(part, 1, NONE))[1] || []);
    for (const inner of part[2] || []) {
      const scoped = message(inner), scope = text(first(message(first(scoped, 1, NONE)), 1, NONE));
      for (const record of scoped[2] || []) yield [record, resource, scope];
    }
  }
}

const traceIdOf = (record, field) => {
  for (const [number, value] of fields(record)) if (number === field) return hex(value);
  return '';
};
