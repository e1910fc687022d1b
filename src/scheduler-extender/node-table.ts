import type { CandidateNode } from "../core/schedule/pod-volume.ts";
import { hashName, type NodeNames, startOfName, viewOf } from "./node-names.ts";

/** Slots for each node, so that most names are found in the first one looked at. */
const SLOTS_PER_NODE = 4;
const WORD_BYTES = 4;

/** Finds names by their bytes: a hash table with open addressing over all names, one after the other. */
interface Lookup {
  readonly words: DataView;
  /** Where each name ends in `words`, and the next begins. */
  readonly ends: Int32Array;
  /** Places of names, plus 1; 0: free. A power of two of them. */
  readonly slots: Int32Array;
}

/** The nodes by their names, which may be given as a request has them. */
export class NodeTable {
  readonly #places = new Map<string, number>();
  readonly #nodes: CandidateNode[] = [];
  /** Built when needed, and rebuilt after a name was added or removed, which is rare. */
  #lookup: Lookup | undefined;
  /** The last result, reused: a list for each request would be most of its garbage. */
  readonly #found: (CandidateNode | undefined)[] = [];

  get(nodeName: string): CandidateNode | undefined {
    const place = this.#places.get(nodeName);
    return place === undefined ? undefined : this.#nodes[place];
  }

  put(node: CandidateNode): void {
    const place = this.#places.get(node.nodeName);
    if (place !== undefined) {
      this.#nodes[place] = node;
      return;
    }
    this.#places.set(node.nodeName, this.#nodes.push(node) - 1);
    this.#lookup = undefined;
  }

  remove(nodeName: string): void {
    const place = this.#places.get(nodeName);
    const last = this.#nodes.at(-1);
    if (place === undefined || last === undefined) return;
    // The last one takes its place, so that places stay without gaps.
    this.#nodes[place] = last;
    this.#places.set(last.nodeName, place);
    this.#nodes.pop();
    this.#places.delete(nodeName);
    this.#lookup = undefined;
  }

  /** All nodes, in no order. */
  list(): readonly CandidateNode[] {
    return this.#nodes;
  }

  /**
   * The node of each name; undefined if no node has that name. The result holds until the next names
   * are looked for.
   */
  find(names: NodeNames): readonly (CandidateNode | undefined)[] {
    this.#lookup ??= lookupOf(this.#nodes.map(({ nodeName }) => Buffer.from(nodeName)));
    const lookup = this.#lookup;
    const words = viewOf(names.bytes);
    const found = this.#found;
    found.length = Math.min(found.length, names.count);
    for (let at = 0; at < names.count; at++) {
      const place = placeOf(lookup, names, words, at);
      found[at] = place === -1 ? undefined : this.#nodes[place];
    }
    return found;
  }
}

function lookupOf(nodeNames: readonly Buffer[]): Lookup {
  const slotCount = 2 ** Math.ceil(Math.log2(Math.max(1, nodeNames.length) * SLOTS_PER_NODE));
  const lookup = {
    words: viewOf(Buffer.concat(nodeNames)),
    ends: new Int32Array(nodeNames.length),
    slots: new Int32Array(slotCount),
  };
  let end = 0;
  for (const [place, nodeName] of nodeNames.entries()) {
    lookup.ends[place] = end += nodeName.length;
    let slot = hashName(nodeName) & (slotCount - 1);
    while (lookup.slots[slot] !== 0) slot = (slot + 1) & (slotCount - 1);
    lookup.slots[slot] = place + 1;
  }
  return lookup;
}

/**
 * The place of one of the names; -1 if it is not known. `words`: the names' bytes. Makes no object: it
 * is called thousands of times a request.
 */
function placeOf(lookup: Lookup, names: NodeNames, words: DataView, at: number): number {
  const { ends, slots } = lookup;
  const mask = slots.length - 1;
  const nameStart = startOfName(names, at);
  const length = (names.ends[at] ?? 0) - nameStart;
  for (let slot = (names.hashes[at] ?? 0) & mask; ; slot = (slot + 1) & mask) {
    const place = (slots[slot] ?? 0) - 1;
    if (place === -1) return -1;
    const start = place === 0 ? 0 : (ends[place - 1] ?? 0);
    if ((ends[place] ?? 0) - start !== length) continue;
    let byte = 0;
    while (
      byte + WORD_BYTES <= length &&
      lookup.words.getInt32(start + byte) === words.getInt32(nameStart + byte)
    )
      byte += WORD_BYTES;
    while (byte < length && lookup.words.getUint8(start + byte) === words.getUint8(nameStart + byte)) byte++;
    if (byte === length) return place;
  }
}
