/**
 * A list of node names as a request brought it: JSON's text between the brackets. Five thousand names
 * are most of a request, and of its cost. They are looked up and answered as bytes, four at a time,
 * without becoming strings: that takes a third of the time.
 */
export interface NodeNames {
  /** `"node-a","node-b"`, in UTF-8. */
  readonly bytes: Buffer;
  readonly count: number;
  /** Where each name ends in `bytes`, before its quote; `startOfName` has where it begins. */
  readonly ends: Int32Array;
  /** `hashName` of each. Both lists may be longer than there are names. */
  readonly hashes: Int32Array;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** Quotes, spaces, exclamation marks and unprintable bytes come before it: a name ends at any of them. */
const NAME_BYTE_MIN = 0x23;
const NAME_BYTE_MIN_FOURFOLD = 0x23232323;
const HIGH_BITS = 0x80808080;
const WORD_BYTES = 4;
/** From the end of one name to the beginning of the next: quote, comma, quote. */
const BETWEEN_BYTES = 3;
/** Room for this many bytes a name at first: most names are longer. */
const BYTES_A_NAME = 16;
/** Murmur3's first factor. */
const HASH_FACTOR = 0xcc9e2d51 | 0;

/** Reused memory for the results about names. */
export class NameMemory {
  ends = new Int32Array(0);
  hashes = new Int32Array(0);

  /** Makes room for so many names; keeps those that are there. */
  reserve(names: number): void {
    if (names <= this.ends.length) return;
    const earlier = { ends: this.ends, hashes: this.hashes };
    this.ends = new Int32Array(names);
    this.hashes = new Int32Array(names);
    this.ends.set(earlier.ends);
    this.hashes.set(earlier.hashes);
  }
}

/**
 * Reads the text between the brackets of a JSON list of names; the result holds until `memory` is used
 * again. Undefined if it is anything else, or has spaces, escapes or lone commas: Go writes none of
 * them for names of nodes.
 */
export function scanNodeNames(bytes: Buffer, memory: NameMemory = new NameMemory()): NodeNames | undefined {
  const { length } = bytes;
  memory.reserve(Math.ceil(length / BYTES_A_NAME));
  let { ends, hashes } = memory;
  let count = 0;
  // With a quote as the last byte no name continues past the end.
  if (length > 0 && (bytes[length - 1] !== QUOTE || bytes.includes(BACKSLASH))) return undefined;
  const words = viewOf(bytes);
  let at = 0;
  while (at < length) {
    if (count > 0 && bytes[at++] !== COMMA) return undefined;
    if (bytes[at++] !== QUOTE) return undefined;
    let hash = 0;
    while (at + WORD_BYTES <= length) {
      const word = words.getInt32(at, true);
      // Not 0 if one of the four bytes is below:
      // https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord
      if (((word - NAME_BYTE_MIN_FOURFOLD) & ~word & HIGH_BITS) !== 0) break;
      hash = mixed(hash, word);
      at += WORD_BYTES;
    }
    for (let byte = bytes[at] ?? 0; byte >= NAME_BYTE_MIN; byte = bytes[++at] ?? 0) hash = mixed(hash, byte);
    if (bytes[at] !== QUOTE) return undefined;
    // A name that is a comma would look like the text between two names.
    if (bytes[at - 1] === COMMA && bytes[at - 2] === QUOTE) return undefined;
    if (count === ends.length) {
      memory.reserve(count * 2);
      ({ ends, hashes } = memory);
    }
    hashes[count] = hash;
    ends[count++] = at++;
  }
  return { bytes, count, ends, hashes };
}

/** The hash of a name, as `scanNodeNames` computes it. */
export function hashName(name: Buffer): number {
  const words = viewOf(name);
  let hash = 0;
  let at = 0;
  for (; at + WORD_BYTES <= name.length; at += WORD_BYTES) hash = mixed(hash, words.getInt32(at, true));
  for (; at < name.length; at++) hash = mixed(hash, words.getUint8(at));
  return hash;
}

/** Where a name begins in `bytes`, after its quote. */
export function startOfName(names: NodeNames, place: number): number {
  return place === 0 ? 1 : (names.ends[place - 1] ?? 0) + BETWEEN_BYTES;
}

/** The place of a name; -1 if it is not among them. */
export function placeOfName(names: NodeNames, name: string): number {
  const bytes = Buffer.from(name);
  const hash = hashName(bytes);
  for (let place = 0; place < names.count; place++) {
    if (
      names.hashes[place] === hash &&
      names.bytes.subarray(startOfName(names, place), names.ends[place]).equals(bytes)
    )
      return place;
  }
  return -1;
}

/** One of the names as text. */
export function nameAt(names: NodeNames, place: number): string {
  return names.bytes.toString("utf8", startOfName(names, place), names.ends[place]);
}

/** The same bytes, to be read in words. */
export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, HASH_FACTOR);
  return product ^ (product >>> 15);
}
