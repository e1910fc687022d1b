import type { Clock } from "../src/ports/clock.ts";
import type { Trace } from "./trace.ts";

/** Lines that are kept at least; at twice as many the oldest half is dropped. */
const LINES_MIN = 20_000;
const FNV_OFFSET = 0x81_1c_9d_c5;
const FNV_PRIME = 0x01_00_01_93;
/** A second, independent half, so that the digest has 64 bits. */
const OTHER_OFFSET = 0x5b_d1_e9_95;
const OTHER_PRIME = 0x27_d4_eb_2f;
const MS_PER_S = 1000;

/** An empty trace on a world's clock. */
export function createTrace(clock: Pick<Clock, "elapsedMs">): Trace {
  let entries: { readonly atMs: number; readonly about: string; readonly what: string }[] = [];
  let [low, high] = [FNV_OFFSET, OTHER_OFFSET];
  const time = new Float64Array(1);
  const timeBits = new Uint32Array(time.buffer);

  function mix(bits: number): void {
    low = Math.imul(low ^ bits, FNV_PRIME);
    high = Math.imul(high ^ low ^ (high >>> 15), OTHER_PRIME);
  }

  function mixText(text: string): void {
    let hash = low;
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
    low = hash;
    mix(text.length);
  }

  return {
    note: (about, what) => {
      const atMs = clock.elapsedMs();
      time[0] = atMs;
      for (const bits of timeBits) mix(bits);
      mixText(about);
      mixText(what);
      entries.push({ atMs, about, what });
      if (entries.length >= LINES_MIN * 2) entries = entries.slice(-LINES_MIN);
    },
    lines: () => entries.map(({ atMs, about, what }) => `${(atMs / MS_PER_S).toFixed(3)} ${about} ${what}`),
    digest: () => [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join(""),
  };
}

/** A cluster's own part of a shared trace: its lines are about `<prefix>/<about>`. */
export function prefixedTrace(trace: Trace, prefix: string): Trace {
  return { ...trace, note: (about, what) => trace.note(`${prefix}/${about}`, what) };
}
