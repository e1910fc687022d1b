/** States in the order of discovery, each with its predecessor. A state is a whole number below 2^53. */
export interface StateSet {
  readonly size: () => number;
  readonly at: (index: number) => number;
  readonly parentOf: (index: number) => number;
  /** The index of a state; -1 if it is absent. */
  readonly indexOf: (state: number) => number;
  /** Adds a state that was reached from the state at `parent` (-1: a start). Returns whether it is new. */
  readonly add: (state: number, parent: number) => boolean;
}

const FIRST_SLOTS = 1 << 12;
/** Slots in use before the table grows: beyond two thirds, open addressing gets slow. */
const LOAD_MAX = 2 / 3;
const EMPTY = -1;

/**
 * An empty set: open addressing over typed arrays, since a Set of millions of numbers takes five times the
 * memory and time.
 */
export function createStateSet(): StateSet {
  let slots = new Int32Array(FIRST_SLOTS).fill(EMPTY);
  let states = new Float64Array(FIRST_SLOTS);
  let parents = new Int32Array(FIRST_SLOTS);
  let size = 0;

  function slotOf(state: number): number {
    const mask = slots.length - 1;
    let slot = hash32(state) & mask;
    for (
      let index = slots[slot] ?? EMPTY;
      index !== EMPTY && states[index] !== state;
      index = slots[slot] ?? EMPTY
    )
      slot = (slot + 1) & mask;
    return slot;
  }

  function grow(): void {
    const [olderStates, olderParents] = [states, parents];
    slots = new Int32Array(slots.length * 2).fill(EMPTY);
    states = new Float64Array(slots.length);
    states.set(olderStates);
    parents = new Int32Array(slots.length);
    parents.set(olderParents);
    for (let index = 0; index < size; index++) slots[slotOf(states[index] ?? 0)] = index;
  }

  return {
    size: () => size,
    at: (index) => states[index] ?? Number.NaN,
    parentOf: (index) => parents[index] ?? EMPTY,
    indexOf: (state) => slots[slotOf(state)] ?? EMPTY,
    add: (state, parent) => {
      const slot = slotOf(state);
      if (slots[slot] !== EMPTY) return false;
      slots[slot] = size;
      states[size] = state;
      parents[size] = parent;
      size++;
      if (size > slots.length * LOAD_MAX) grow();
      return true;
    },
  };
}

/** A 32-bit hash of a whole number below 2^53 (the finalizer of MurmurHash3 over both halves). */
function hash32(state: number): number {
  let hash = (state | 0) ^ Math.imul(Math.floor(state / 2 ** 32), 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
