import { hash } from "node:crypto";

/** What derived bytes are for, as RFC 7292, appendix B.3, numbers it. */
export const KEY_MATERIAL = 1;
export const INITIALIZATION_VECTOR = 2;

/** Bytes that SHA-1 takes and gives at once. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 20;

/** What a key is derived from. */
export interface Pkcs12KeyOptions {
  /** As BMPString: two bytes a character and two zero bytes after the last one. */
  readonly password: Buffer;
  readonly salt: Buffer;
  /** At least 1. A million takes about two seconds for a key of 24 bytes. */
  readonly iterations: number;
  readonly purpose: typeof KEY_MATERIAL | typeof INITIALIZATION_VECTOR;
  readonly bytes: number;
}

/** Derives bytes by PKCS #12's own function with SHA-1 (RFC 7292, appendix B.2), which Node lacks. */
export function pkcs12Key({ password, salt, iterations, purpose, bytes }: Pkcs12KeyOptions): Buffer {
  const diversifier = Buffer.alloc(BLOCK_BYTES, purpose);
  let input: Buffer = Buffer.concat([inWholeBlocks(salt), inWholeBlocks(password)]);
  const derived: Buffer[] = [];
  for (let length = 0; length < bytes; length += DIGEST_BYTES) {
    let digest = Buffer.concat([diversifier, input]);
    for (let pass = 0; pass < iterations; pass += 1) digest = hash("sha1", digest, "buffer");
    derived.push(digest);
    input = withEachBlockPlus(input, repeated(digest, BLOCK_BYTES));
  }
  return Buffer.concat(derived).subarray(0, bytes);
}

function inWholeBlocks(text: Buffer): Buffer {
  return repeated(text, Math.ceil(text.length / BLOCK_BYTES) * BLOCK_BYTES);
}

function repeated(text: Buffer, bytes: number): Buffer {
  return text.length === 0 ? Buffer.alloc(0) : Buffer.alloc(bytes, text);
}

/** Adds `added` and 1 to each block, as numbers whose carry leaves the block. */
function withEachBlockPlus(input: Buffer, added: Buffer): Buffer {
  const sum = Buffer.alloc(input.length);
  for (let start = 0; start < input.length; start += BLOCK_BYTES) {
    let carry = 1;
    for (let at = BLOCK_BYTES - 1; at >= 0; at -= 1) {
      carry += input.readUInt8(start + at) + added.readUInt8(at);
      sum.writeUInt8(carry & 0xff, start + at);
      carry >>= 8;
    }
  }
  return sum;
}
