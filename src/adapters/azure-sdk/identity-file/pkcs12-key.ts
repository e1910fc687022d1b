import { hash } from "node:crypto";

/** What derived bytes are for, as RFC 7292, appendix B.3, numbers it. */
export const KEY_MATERIAL = 1;
export const INITIALIZATION_VECTOR = 2;
export const CHECKSUM_KEY = 3;

/** Bytes that a hash function takes at once. */
const BLOCK_BYTES = { sha1: 64, sha256: 64, sha384: 128, sha512: 128 } as const;

/** A hash function that keys are derived with. */
export type Pkcs12Digest = keyof typeof BLOCK_BYTES;

/** What a key is derived from. */
export interface Pkcs12KeyOptions {
  readonly digest: Pkcs12Digest;
  /** As BMPString: two bytes a character and two zero bytes after the last one. */
  readonly password: Buffer;
  readonly salt: Buffer;
  /** At least 1. A million takes about two seconds for a key of 24 bytes. */
  readonly iterations: number;
  readonly purpose: typeof KEY_MATERIAL | typeof INITIALIZATION_VECTOR | typeof CHECKSUM_KEY;
  readonly bytes: number;
}

/** Derives bytes by PKCS #12's own function (RFC 7292, appendix B.2), which Node lacks. */
export function pkcs12Key(options: Pkcs12KeyOptions): Buffer {
  const { digest, password, salt, iterations, purpose, bytes } = options;
  const blockBytes = BLOCK_BYTES[digest];
  const diversifier = Buffer.alloc(blockBytes, purpose);
  let input: Buffer = Buffer.concat([inWholeBlocks(salt, blockBytes), inWholeBlocks(password, blockBytes)]);
  let derived = Buffer.alloc(0);
  while (derived.length < bytes) {
    let hashed = Buffer.concat([diversifier, input]);
    for (let pass = 0; pass < iterations; pass += 1) hashed = hash(digest, hashed, "buffer");
    derived = Buffer.concat([derived, hashed]);
    input = withEachBlockPlus(input, repeated(hashed, blockBytes));
  }
  return derived.subarray(0, bytes);
}

function inWholeBlocks(text: Buffer, blockBytes: number): Buffer {
  return repeated(text, Math.ceil(text.length / blockBytes) * blockBytes);
}

function repeated(text: Buffer, bytes: number): Buffer {
  return text.length === 0 ? Buffer.alloc(0) : Buffer.alloc(bytes, text);
}

/** Adds `added`, which is one block, and 1 to each block, as numbers whose carry leaves the block. */
function withEachBlockPlus(input: Buffer, added: Buffer): Buffer {
  const sum = Buffer.alloc(input.length);
  for (let start = 0; start < input.length; start += added.length) {
    let carry = 1;
    for (let at = added.length - 1; at >= 0; at -= 1) {
      carry += input.readUInt8(start + at) + added.readUInt8(at);
      sum.writeUInt8(carry & 0xff, start + at);
      carry >>= 8;
    }
  }
  return sum;
}
