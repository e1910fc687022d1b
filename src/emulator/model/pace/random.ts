/** A repeatable random generator: the same seed gives the same numbers. */
export interface SeededRandom {
  /** A number in [0, 1). */
  next(): number;
  /** A fresh UUID in version 4 form, lower case. */
  guid(): string;
}

/** Mulberry32: 32 bits of state are plenty for delays and names, and it is the same on every machine. */
export function createSeededRandom(seed: number): SeededRandom {
  let state = Math.trunc(seed) >>> 0;
  const nextUint32 = (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    next: () => nextUint32() / 0x1_0000_0000,
    guid: () => {
      const [first, second, third, fourth] = [
        hexOf(nextUint32()),
        hexOf(nextUint32()),
        hexOf(nextUint32()),
        hexOf(nextUint32()),
      ];
      return `${first}-${second.slice(0, 4)}-4${second.slice(5)}-a${third.slice(1, 4)}-${third.slice(4)}${fourth}`;
    },
  };
}

/**
 * Each byte's two digits: writing a number this large in base 16 is many times slower, and each call needs
 * a GUID.
 */
const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** 32 bits as eight digits. */
function hexOf(word: number): string {
  return `${BYTES[word >>> 24]}${BYTES[(word >>> 16) & 0xff]}${BYTES[(word >>> 8) & 0xff]}${BYTES[word & 0xff]}`;
}
