import { viewOf } from "./node-names.ts";

/** As much as comes from a connection at once. */
const FIRST_BYTES = 64 * 1024;

/**
 * Bytes that are joined in reused memory. Memory outside of the heap costs the collector more than it
 * saves: 100 KB left behind by each request bring a collection of the whole heap after some hundred
 * requests, and all requests wait for it.
 */
export class ByteWriter {
  #bytes: Buffer = Buffer.alloc(0);
  #view = viewOf(this.#bytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** How much memory it holds. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Starts over. Bytes that `written` returned before are overwritten from now on. */
  clear(): void {
    this.#length = 0;
  }

  /** Appends the bytes of `source` from one place up to another. */
  append(source: Uint8Array, from = 0, to = source.length): void {
    this.reserve(to - from);
    this.#bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), this.#length);
    this.#length += to - from;
  }

  appendText(text: string): void {
    this.reserve(Buffer.byteLength(text));
    this.#length += this.#bytes.write(text, this.#length);
  }

  /**
   * Memory with room for that many more bytes behind `length`; the caller that writes there calls
   * `advance`.
   */
  reserve(bytes: number): DataView {
    const needed = this.#length + bytes;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
      this.#view = viewOf(grown);
    }
    return this.#view;
  }

  /** All before `length` has been written. */
  advance(length: number): void {
    this.#length = length;
  }

  /** What has been written; to be used before the next `clear`. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Writers that wait to be used again. */
export class ByteWriters {
  readonly #kept: ByteWriter[] = [];
  readonly #keptMax: number;
  readonly #capacityMax: number;

  /** Keeps at most `keptMax` of them, and none that has grown beyond `capacityMax` bytes. */
  constructor(limits: { readonly keptMax: number; readonly capacityMax: number }) {
    this.#keptMax = limits.keptMax;
    this.#capacityMax = limits.capacityMax;
  }

  /** An empty one. */
  take(): ByteWriter {
    return this.#kept.pop() ?? new ByteWriter();
  }

  /** Returns a writer whose bytes are no longer used. */
  giveBack(writer: ByteWriter): void {
    if (this.#kept.length >= this.#keptMax || writer.capacity > this.#capacityMax) return;
    writer.clear();
    this.#kept.push(writer);
  }
}
