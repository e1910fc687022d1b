/** How much may wait for a reader, in bytes: of the oldest lines, and apart from them of the newest. */
const OLDEST_BYTES_MAX = 1024 * 1024;
const NEWEST_BYTES_MAX = 64 * 1024;
/** How much of the newest is written last of all as the process ends, in bytes. */
const LAST_BYTES_MAX = 16 * 1024;

/** How long a reader that takes nothing is left alone, in milliseconds. */
const RETRY_MS = 50;
/** The same while the process ends. */
const FLUSH_RETRY_MS = 5;

interface LineOutput {
  /** Passes bytes on, and returns how many the reader has taken: 0 if it takes none now. */
  readonly take: (bytes: Buffer) => number;
  /** The line that says that so many lines have been dropped. */
  readonly droppedNote: (lines: number) => string;
  readonly elapsedMs: () => number;
  /** Runs `act` after `ms` milliseconds, but keeps no process alive for it. */
  readonly later: (act: () => void, ms: number) => void;
  /** Stops the whole process for `ms` milliseconds. */
  readonly pause: (ms: number) => void;
}

export interface LineWriter {
  /**
   * Writes a line, or keeps it until the reader takes it. Where too much waits, lines in the middle are
   * dropped: the newest say why a process ends.
   */
  readonly write: (line: string) => void;
  /**
   * Writes what waits, for at most `limitMs` milliseconds: what the reader has not taken after half of them
   * is dropped, but for the newest lines. Nothing else of the process runs until then.
   */
  readonly flush: (limitMs: number) => void;
}

export function createLineWriter({ take, droppedNote, elapsedMs, later, pause }: LineOutput): LineWriter {
  const oldest = createLines();
  const newest = createLines();
  let dropped = 0;
  let isRetrying = false;

  /** Whether nothing waits any more. */
  const passOn = (): boolean => {
    for (;;) {
      if (newest.bytes() > 0 && oldest.bytes() <= OLDEST_BYTES_MAX) {
        if (dropped > 0) oldest.add({ bytes: Buffer.from(droppedNote(dropped)), lines: dropped });
        dropped = 0;
        for (const line of newest.clear()) oldest.add(line);
      }
      const line = oldest.shift();
      if (line === undefined) return true;
      const taken = take(line.bytes);
      if (taken < line.bytes.length) oldest.putBack({ ...line, bytes: line.bytes.subarray(taken) });
      if (taken === 0) return false;
    }
  };
  const passOnUntil = (endMs: number): boolean => {
    for (;;) {
      if (passOn()) return true;
      if (elapsedMs() >= endMs) return false;
      pause(FLUSH_RETRY_MS);
    }
  };
  const dropDownTo = (bytesMax: number): void => {
    while (newest.bytes() > bytesMax && newest.count() > 1) dropped += newest.shift()?.lines ?? 0;
  };
  /** All but the first line, which may be written in part. */
  const makeNewest = (): void => {
    const [first, ...others] = [...oldest.clear(), ...newest.clear()];
    if (first !== undefined) oldest.add(first);
    for (const line of others) newest.add(line);
  };
  const retry = (): void => {
    if (isRetrying) return;
    isRetrying = true;
    later(() => {
      isRetrying = false;
      if (!passOn()) retry();
    }, RETRY_MS);
  };
  return {
    write: (line) => {
      const one = { bytes: Buffer.from(line), lines: 1 };
      if (newest.bytes() === 0 && oldest.bytes() <= OLDEST_BYTES_MAX) oldest.add(one);
      else newest.add(one);
      dropDownTo(NEWEST_BYTES_MAX);
      if (!isRetrying && !passOn()) retry();
    },
    flush: (limitMs) => {
      const startMs = elapsedMs();
      if (passOnUntil(startMs + limitMs / 2)) return;
      makeNewest();
      dropDownTo(LAST_BYTES_MAX);
      passOnUntil(startMs + limitMs);
    },
  };
}

interface Line {
  readonly bytes: Buffer;
  /** How many lines are lost with it: those that it counts, where it says how many were dropped. */
  readonly lines: number;
}

/** Lines that wait, the first of them maybe in part. */
function createLines() {
  let lines: Line[] = [];
  let bytes = 0;
  return {
    bytes: () => bytes,
    count: () => lines.length,
    add: (line: Line): void => {
      lines.push(line);
      bytes += line.bytes.length;
    },
    shift: (): Line | undefined => {
      const line = lines.shift();
      bytes -= line?.bytes.length ?? 0;
      return line;
    },
    putBack: (rest: Line): void => {
      lines.unshift(rest);
      bytes += rest.bytes.length;
    },
    clear: (): readonly Line[] => {
      const all = lines;
      [lines, bytes] = [[], 0];
      return all;
    },
  };
}
