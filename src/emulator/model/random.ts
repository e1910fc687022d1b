/** A repeatable source of chance: the same seed gives the same numbers. */
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
      const hex = Array.from({ length: 4 }, () => nextUint32().toString(16).padStart(8, "0")).join("");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
    },
  };
}
