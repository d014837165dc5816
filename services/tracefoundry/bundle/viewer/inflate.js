// Deflate (RFC 1951): the browser's DecompressionStream, else our own. Both stop at `size` bytes.
async function inflate(bytes, size) {
  if (!('DecompressionStream' in globalThis)) return inflateSlow(bytes, size);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const out = new Uint8Array(size);
  const reader = stream.getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (length + value.length > size) {
      await reader.cancel();
      throw new Error('inflates to more bytes than its headers say');
    }
    out.set(value, length);
    length += value.length;
  }
  if (length !== size) throw new Error('inflates to fewer bytes than its headers say');
  return out;
}

const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83,
  99, 115, 131, 163, 195, 227, 258];
const DISTANCES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
  1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
const lengthBits = (symbol) => (symbol < 8 || symbol === 28 ? 0 : (symbol >> 2) - 1);
const distanceBits = (symbol) => (symbol < 4 ? 0 : (symbol >> 1) - 1);

// Counts of codes by length, and the symbols in the order of their codes.
function huffman(lengths) {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  const offsets = new Uint16Array(16);
  for (let i = 1; i < 16; i++) offsets[i] = offsets[i - 1] + counts[i - 1];
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => { if (length) symbols[offsets[length]++] = symbol; });
  return { counts, symbols };
}

function inflateSlow(input, size) {
  const out = new Uint8Array(size);
  let position = 0, bit = 0, length = 0;
  const bits = (count) => {
    let value = 0;
    for (let i = 0; i < count; i++) {
      if (position >= input.length) throw new Error('its compressed data is cut off');
      value |= ((input[position] >> bit) & 1) << i;
      if (++bit === 8) { bit = 0; position++; }
    }
    return value;
  };
  const symbol = ({ counts, symbols }) => {
    let code = 0, first = 0, index = 0;
    for (let i = 1; i < 16; i++) {
      code |= bits(1);
      if (code - counts[i] < first) return symbols[index + code - first];
      index += counts[i];
      first = (first + counts[i]) << 1;
      code <<= 1;
    }
    throw new Error('cannot be inflated');
  };
  const put = (byte) => {
    if (length >= size) throw new Error('inflates to more bytes than its headers say');
    out[length++] = byte;
  };
  const tables = () => {
    const literals = bits(5) + 257, distances = bits(5) + 1, count = bits(4) + 4;
    const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    const first = new Array(19).fill(0);
    for (let i = 0; i < count; i++) first[order[i]] = bits(3);
    const table = huffman(first), lengths = [];
    while (lengths.length < literals + distances) {
      const code = symbol(table);
      if (code < 16) { lengths.push(code); continue; }
      const value = code === 16 ? lengths[lengths.length - 1] : 0;
      const repeat = code === 16 ? bits(2) + 3 : code === 17 ? bits(3) + 3 : bits(7) + 11;
      for (let i = 0; i < repeat; i++) lengths.push(value);
    }
    return [huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals))];
  };
  const fixed = () => {
    const lengths = Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8));
    return [huffman(lengths), huffman(new Array(30).fill(5))];
  };
  for (let last = 0; !last;) {
    last = bits(1);
    const kind = bits(2);
    if (kind === 3) throw new Error('cannot be inflated');
    if (kind === 0) {
      if (bit) { bit = 0; position++; }
      const count = input[position] | (input[position + 1] << 8);
      position += 4;
      for (let i = 0; i < count; i++) put(input[position++]);
      continue;
    }
    const [literals, distances] = kind === 1 ? fixed() : tables();
    for (;;) {
      const code = symbol(literals);
      if (code < 256) { put(code); continue; }
      if (code === 256) break;
      const run = LENGTHS[code - 257] + bits(lengthBits(code - 257));
      const far = symbol(distances);
      const from = length - DISTANCES[far] - bits(distanceBits(far));
      if (!(from >= 0)) throw new Error('cannot be inflated');
      for (let i = 0; i < run; i++) put(out[from + i]);
    }
  }
  if (length !== size) throw new Error('inflates to fewer bytes than its headers say');
  return out;
}
