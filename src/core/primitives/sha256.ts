/** SHA-256 (FIPS 180-4), here because the core may import no platform. For names, never for secrets. */
export function sha256Hex(text: string): string {
  const message = padded(utf8(text));
  const state = Uint32Array.from(INITIAL_STATE);
  const schedule = new Uint32Array(ROUNDS);
  for (let offset = 0; offset < message.byteLength; offset += BLOCK_BYTES) {
    compress(state, schedule, new DataView(message.buffer, offset, BLOCK_BYTES));
  }
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
}

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const ROUNDS = 64;

const PRIMES = firstPrimes(ROUNDS);
/** The first 32 bits of the fractions of the square roots of the first eight primes. */
const INITIAL_STATE = PRIMES.slice(0, 8).map((prime) => fractionBits(prime, 2n));
/** The first 32 bits of the fractions of the cube roots of the first 64 primes. */
const ROUND_CONSTANTS = Uint32Array.from(PRIMES, (prime) => fractionBits(prime, 3n));

function firstPrimes(count: number): readonly bigint[] {
  const primes: bigint[] = [];
  for (let candidate = 2n; primes.length < count; candidate += 1n) {
    if (primes.every((prime) => candidate % prime !== 0n)) primes.push(candidate);
  }
  return primes;
}

/** The 32 bits after the binary point of the `degree`-th root of `radicand`, exactly. */
function fractionBits(radicand: bigint, degree: bigint): number {
  const scaled = radicand << (32n * degree);
  let root = 0n;
  for (let bit = 1n << 36n; bit > 0n; bit >>= 1n) {
    if ((root + bit) ** degree <= scaled) root += bit;
  }
  return Number(root & 0xffffffffn);
}

function utf8(text: string): readonly number[] {
  const encoded: number[] = [];
  for (const character of text.toWellFormed()) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) encoded.push(point);
    else if (point < 0x800) encoded.push(0xc0 | (point >> 6), continuation(point));
    else if (point < 0x10000)
      encoded.push(0xe0 | (point >> 12), continuation(point >> 6), continuation(point));
    else
      encoded.push(
        0xf0 | (point >> 18),
        continuation(point >> 12),
        continuation(point >> 6),
        continuation(point),
      );
  }
  return encoded;
}

function continuation(bits: number): number {
  return 0x80 | (bits & 0x3f);
}

/** The message, a one bit, zeros, and the length in bits in the last eight bytes of a block. */
function padded(message: readonly number[]): Uint8Array<ArrayBuffer> {
  const blocks = Math.ceil((message.length + 1 + LENGTH_BYTES) / BLOCK_BYTES);
  const whole = new Uint8Array(blocks * BLOCK_BYTES);
  whole.set(message);
  whole[message.length] = 0x80;
  new DataView(whole.buffer).setBigUint64(whole.length - LENGTH_BYTES, BigInt(message.length) * 8n);
  return whole;
}

function compress(state: Uint32Array, schedule: Uint32Array, block: DataView): void {
  for (let round = 0; round < 16; round += 1) schedule[round] = block.getUint32(round * 4);
  for (let round = 16; round < ROUNDS; round += 1) {
    const near = word(schedule, round - 2);
    const far = word(schedule, round - 15);
    const nearSigma = rotateRight(near, 17) ^ rotateRight(near, 19) ^ (near >>> 10);
    const farSigma = rotateRight(far, 7) ^ rotateRight(far, 18) ^ (far >>> 3);
    schedule[round] = word(schedule, round - 16) + farSigma + word(schedule, round - 7) + nearSigma;
  }
  const mixed = Uint32Array.from(state);
  for (let round = 0; round < ROUNDS; round += 1)
    mix(mixed, word(ROUND_CONSTANTS, round) + word(schedule, round));
  for (let index = 0; index < state.length; index += 1)
    state[index] = word(state, index) + word(mixed, index);
}

function mix(state: Uint32Array, input: number): void {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  const eSigma = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
  const choice = (e & f) ^ (~e & g);
  const aSigma = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
  const majority = (a & b) ^ (a & c) ^ (b & c);
  const first = h + eSigma + choice + input;
  state.set([first + aSigma + majority, a, b, c, d + first, e, f, g]);
}

function word(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}

function rotateRight(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits));
}
