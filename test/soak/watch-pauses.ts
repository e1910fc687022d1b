import type { WritingPod } from "../workflows/writing-pod.ts";

/** A time in which a pod wrote no record. */
export interface Pause {
  readonly volumeName: string;
  readonly ms: number;
}

/** What looks at pods again and again. */
export interface PauseWatch {
  /** The longest pause since the last call, or that still lasts. */
  longest(): Pause | undefined;
  end(): void;
}

const LOOK_EVERY_MS = 50;

/** Watches how long pods don't write, whatever keeps them from it. */
export function watchPauses(pods: readonly WritingPod[]): PauseWatch {
  const seen = pods.map((pod) => ({ pod, record: 0, sinceMs: performance.now() }));
  let longest: Pause | undefined;
  function look(): void {
    const nowMs = performance.now();
    for (const each of seen) {
      const record = each.pod.writer().lastSynced();
      const ms = nowMs - each.sinceMs;
      if (ms > (longest?.ms ?? 0)) longest = { volumeName: each.pod.volume.name, ms };
      if (record === each.record) continue;
      each.record = record;
      each.sinceMs = nowMs;
    }
  }
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return {
    longest: () => {
      look();
      const found = longest;
      longest = undefined;
      return found;
    },
    end: () => clearInterval(timer),
  };
}
