export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** The element with its tag and length. */
  readonly whole: Buffer;
}

const CONSTRUCTED = 0x20;
export const SEQUENCE = 0x30;
/** More would be no certificate. */
const LENGTH_BYTES_MAX = 4;
/** Of a number, so that it is exact. */
const NUMBER_BYTES_MAX = 6;

/** The elements of a DER encoding, one after the other. Throws for anything else. */
export function derElements(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let start = 0; start < bytes.length;) {
    const [tag, first] = [bytes[start], bytes[start + 1]];
    if (tag === undefined || first === undefined) throw new Error(CUT_OFF);
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    if (first === 0x80 || lengthBytes > LENGTH_BYTES_MAX) throw new Error("is no DER encoding");
    const from = start + 2 + lengthBytes;
    if (from > bytes.length) throw new Error(CUT_OFF);
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(start + 2, lengthBytes);
    const end = from + length;
    if (end > bytes.length) throw new Error(CUT_OFF);
    elements.push({ tag, content: bytes.subarray(from, end), whole: bytes.subarray(start, end) });
    start = end;
  }
  return elements;
}

const CUT_OFF = "ends within an element";

/** The element at a path of positions, such as the second one's first. Throws where there is none. */
export function derAt(bytes: Buffer, ...path: readonly [number, ...number[]]): DerElement {
  const [position, ...rest] = path;
  const element = derElements(bytes)[position];
  if (element === undefined) throw new Error("lacks an element");
  const [next, ...further] = rest;
  return next === undefined ? element : derAt(element.content, next, ...further);
}

/** The one SEQUENCE that an encoding is. Throws for another element, for none, and for more after it. */
export function derOnly(bytes: Buffer): DerElement {
  const [element, ...further] = derElements(bytes);
  if (element === undefined || element.tag !== SEQUENCE || further.length > 0)
    throw new Error("is not one SEQUENCE");
  return element;
}

/** The identifier of an object, in hexadecimal digits as it is encoded. */
export function derIdentifier({ content }: DerElement): string {
  return content.toString("hex");
}

/** The bytes of a string, which may be in parts. Throws for parts of parts. */
export function derBytes({ tag, content }: DerElement): Buffer {
  if ((tag & CONSTRUCTED) === 0) return content;
  const parts = derElements(content);
  if (parts.some((part) => (part.tag & CONSTRUCTED) !== 0)) throw new Error("has a string of nested parts");
  return Buffer.concat(parts.map((part) => part.content));
}

/** A number that is not negative. Throws for one of no bytes, or of more than six. */
export function derNumber({ content }: DerElement): number {
  if (content.length === 0 || content.length > NUMBER_BYTES_MAX || (content[0] ?? 0) >= 0x80)
    throw new Error("has a number that is negative or too large");
  return content.readUIntBE(0, content.length);
}
