/** One element of a DER encoding. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** The element with its tag and length. */
  readonly whole: Buffer;
}

const CONSTRUCTED = 0x20;
/** More would be no certificate. */
const LENGTH_BYTES_MAX = 4;

/** The elements of a DER encoding, one after the other. Throws for anything else. */
export function derElements(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let start = 0; start < bytes.length;) {
    const [tag, first] = [bytes.readUInt8(start), bytes.readUInt8(start + 1)];
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    if (first === 0x80 || lengthBytes > LENGTH_BYTES_MAX) throw new Error("is no DER encoding");
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(start + 2, lengthBytes);
    const from = start + 2 + lengthBytes;
    const end = from + length;
    if (end > bytes.length) throw new Error("ends within an element");
    elements.push({ tag, content: bytes.subarray(from, end), whole: bytes.subarray(start, end) });
    start = end;
  }
  return elements;
}

/** The element at a path of positions, such as the second one's first. Throws where there is none. */
export function derAt(bytes: Buffer, ...path: readonly [number, ...number[]]): DerElement {
  const [position, ...rest] = path;
  const element = derElements(bytes)[position];
  if (element === undefined) throw new Error("lacks an element");
  const [next, ...further] = rest;
  return next === undefined ? element : derAt(element.content, next, ...further);
}

/** The bytes of a string, which may be in parts. */
export function derBytes({ tag, content }: DerElement): Buffer {
  return (tag & CONSTRUCTED) === 0 ? content : Buffer.concat(derElements(content).map(derBytes));
}

/** A number that is not negative. Throws for one of more than six bytes. */
export function derNumber({ content }: DerElement): number {
  return content.readUIntBE(0, content.length);
}
