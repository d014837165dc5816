// The zip profile of bundles: what the headers must be, and members read from slices of the file.
class Refused extends Error {
  constructor(member, reason) { super(`${member}: ${reason}`); this.member = member; }
}

async function bytesOf(file, start, end) {
  if (start < 0 || end > file.size || start > end) throw new Refused('the file', 'is cut off');
  return new Uint8Array(await file.slice(start, end).arrayBuffer());
}

async function openZip(file) {
  const tail = await bytesOf(file, Math.max(0, file.size - 98), file.size);
  const view = new DataView(tail.buffer);
  const end = tail.length - 22;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50 || view.getUint16(end + 20, true)) {
    throw new Refused('the file', 'is no zip, is cut off, or has bytes after its end');
  }
  let size = view.getUint32(end + 12, true), offset = view.getUint32(end + 16, true);
  let after = file.size - 22;
  if (size === 0xffffffff || offset === 0xffffffff) {
    const record = end - 76;
    if (record < 0 || view.getUint32(record, true) !== 0x06064b50) {
      throw new Refused('the file', 'has no ZIP64 records where it needs them');
    }
    size = Number(view.getBigUint64(record + 40, true));
    offset = Number(view.getBigUint64(record + 48, true));
    after -= 76;
  }
  if (offset + size !== after || size > 4e6) throw new Refused('the file', 'has a false directory');
  const entries = parseDirectory(await bytesOf(file, offset, after));
  let position = 0;
  for (const entry of [...entries.values()].sort((a, b) => a.offset - b.offset)) {
    if (entry.offset !== position) throw new Refused(entry.name, 'does not follow the one before');
    entry.start = position + 30 + entry.name.length + (entry.big ? 20 : 0);
    position = entry.start + entry.compressed;
  }
  if (position !== offset) throw new Refused('the file', 'has bytes between members and directory');
  return { file, entries };
}

function parseDirectory(bytes) {
  const view = new DataView(bytes.buffer), entries = new Map();
  for (let at = 0; at < bytes.length;) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new Refused('the file', 'has a false directory');
    const nameLength = view.getUint16(at + 28, true), extra = view.getUint16(at + 30, true);
    const name = String.fromCharCode(...bytes.subarray(at + 46, at + 46 + nameLength));
    const entry = {
      name,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      compressed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    let field = at + 46 + nameLength + 4;
    for (const part of ['size', 'compressed', 'offset']) {
      if (entry[part] !== 0xffffffff) continue;
      if (part !== 'offset') entry.big = true;
      entry[part] = Number(view.getBigUint64(field, true));
      field += 8;
    }
    if (view.getUint16(at + 8, true) || ![0, 8].includes(entry.method) || entries.has(name)
      || !/^(payloads\/)?[A-Za-z0-9.-]+$/.test(name)) {
      throw new Refused(name, 'has a header that bundles do not have');
    }
    entries.set(name, entry);
    at += 46 + nameLength + extra;
  }
  return entries;
}

async function readMember(zip, name) {
  const entry = zip.entries.get(name);
  if (!entry) throw new Refused(name, 'is missing');
  if (entry.size > 2 ** 27) throw new Refused(name, 'is too large');
  const header = await bytesOf(zip.file, entry.offset, entry.start);
  const view = new DataView(header.buffer);
  const local = String.fromCharCode(...header.subarray(30, 30 + entry.name.length));
  if (view.getUint32(0, true) !== 0x04034b50 || local !== name || view.getUint16(6, true)
    || view.getUint16(8, true) !== entry.method || view.getUint32(14, true) !== entry.crc
    || (!entry.big && (view.getUint32(18, true) !== entry.compressed
      || view.getUint32(22, true) !== entry.size))) {
    throw new Refused(name, 'its local header differs from the one in the directory');
  }
  const raw = await bytesOf(zip.file, entry.start, entry.start + entry.compressed);
  let content = raw;
  if (entry.method === 8) {
    try {
      content = await inflate(raw, entry.size);
    } catch (error) {
      throw new Refused(name, error.message || 'cannot be inflated');
    }
  }
  if (content.length !== entry.size || crc32(content) !== entry.crc) {
    throw new Refused(name, 'its CRC-32 does not match its bytes');
  }
  return { content, raw, deflated: entry.method === 8 };
}
