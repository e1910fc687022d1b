import type { Random } from "../../ports/random.ts";

/**
 * Randomness that a seed makes repeatable: the same seed gives the same numbers on every machine. Not
 * for secrets.
 */
export interface SeededRandom extends Random {
  /**
   * A source of its own whose numbers depend on this source's seed and on `label` only: drawing from one
   * never shifts the other.
   */
  fork(label: string): SeededRandom;
}

const WARM_UP_DRAWS = 12;

/** A source of random numbers (sfc32) from a seed. */
export function createSeededRandom(seed: number | string): SeededRandom {
  const draw = sfc32(String(seed));
  return {
    next: () => draw() / 2 ** 32,
    uuid: () => uuidFrom([draw(), draw(), draw(), draw()]),
    fork: (label) => createSeededRandom(`${seed}/${label}`),
  };
}

/**
 * Chris Doty-Humphrey's Small Fast Counting generator: 128 bits of state, passes PractRand. Answers 32-bit
 * numbers.
 */
function sfc32(seed: string): () => number {
  const hash = hash32(seed);
  let [a, b, c, counter] = [hash(), hash(), hash(), 1];
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let drawn = 0; drawn < WARM_UP_DRAWS; drawn++) draw();
  return draw;
}

/** Any number of 32-bit hashes of a text (xmur3). */
function hash32(text: string): () => number {
  let hash = 1779033703 ^ text.length;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 3432918353);
    hash = (hash << 13) | (hash >>> 19);
  }
  return () => {
    hash = Math.imul(hash ^ (hash >>> 16), 2246822507);
    hash = Math.imul(hash ^ (hash >>> 13), 3266489909);
    return (hash ^= hash >>> 16) >>> 0;
  };
}

/** The version and variant bits of RFC 4122, version 4, set in 128 bits. */
function uuidFrom(words: readonly [number, number, number, number]): string {
  const [first, second, third, fourth] = words;
  const versioned = hexOf((second & 0xffff0fff) | 0x4000);
  const variant = hexOf((third & 0x3fffffff) | 0x80000000);
  return `${hexOf(first)}-${versioned.slice(0, 4)}-${versioned.slice(4)}-${variant.slice(0, 4)}-${variant.slice(4)}${hexOf(fourth)}`;
}

/**
 * Each byte's two digits: a number this large is written in base 16 many times as slowly, and a simulation
 * makes a uuid for each of its calls.
 */
const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** 32 bits as eight digits. */
function hexOf(word: number): string {
  return `${BYTES[word >>> 24]}${BYTES[(word >>> 16) & 0xff]}${BYTES[(word >>> 8) & 0xff]}${BYTES[word & 0xff]}`;
}
