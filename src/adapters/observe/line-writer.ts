/** How much may wait for a reader, in bytes: of the oldest lines, and apart from them of the newest. */
const OLDEST_BYTES_MAX = 1024 * 1024;
const NEWEST_BYTES_MAX = 64 * 1024;

/** How long a reader that takes nothing is left alone, in milliseconds. */
const RETRY_MS = 50;
/** The same while the process ends. */
const FLUSH_RETRY_MS = 5;

/** What a line writer needs. */
export interface LineOutput {
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

/** Writes lines in their order. */
export interface LineWriter {
  /**
   * Writes a line, or keeps it until the reader takes it. Where too much waits, lines in the middle are
   * dropped: the newest say why a process ends.
   */
  readonly write: (line: string) => void;
  /** Writes what waits, for at most `limitMs` milliseconds. Nothing else of the process runs until then. */
  readonly flush: (limitMs: number) => void;
}

/** Creates a line writer; nothing waits yet. */
export function createLineWriter({ take, droppedNote, elapsedMs, later, pause }: LineOutput): LineWriter {
  const oldest = createLines();
  const newest = createLines();
  let dropped = 0;
  let isRetrying = false;

  /** Whether nothing waits any more. */
  const passOn = (): boolean => {
    for (;;) {
      if (newest.bytes() > 0 && oldest.bytes() <= OLDEST_BYTES_MAX) {
        if (dropped > 0) oldest.add(Buffer.from(droppedNote(dropped)));
        dropped = 0;
        for (let line = newest.shift(); line !== undefined; line = newest.shift()) oldest.add(line);
      }
      const line = oldest.shift();
      if (line === undefined) return true;
      const taken = take(line);
      if (taken < line.length) oldest.putBack(line.subarray(taken));
      if (taken === 0) return false;
    }
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
      const bytes = Buffer.from(line);
      if (newest.bytes() === 0 && oldest.bytes() <= OLDEST_BYTES_MAX) oldest.add(bytes);
      else newest.add(bytes);
      while (newest.bytes() > NEWEST_BYTES_MAX && newest.count() > 1) {
        newest.shift();
        dropped += 1;
      }
      if (!isRetrying && !passOn()) retry();
    },
    flush: (limitMs) => {
      const endMs = elapsedMs() + limitMs;
      while (!passOn() && elapsedMs() < endMs) pause(FLUSH_RETRY_MS);
    },
  };
}

/** Lines that wait, the first of them maybe in part. */
function createLines() {
  const lines: Buffer[] = [];
  let bytes = 0;
  return {
    bytes: () => bytes,
    count: () => lines.length,
    add: (line: Buffer): void => {
      lines.push(line);
      bytes += line.length;
    },
    shift: (): Buffer | undefined => {
      const line = lines.shift();
      bytes -= line?.length ?? 0;
      return line;
    },
    putBack: (rest: Buffer): void => {
      lines.unshift(rest);
      bytes += rest.length;
    },
  };
}
