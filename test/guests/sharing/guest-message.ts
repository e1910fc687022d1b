/** A call of the test to a guest: of its Linux host, or of what stands for processes on it. */
export interface GuestCall {
  readonly id: number;
  readonly of: "host" | "processes";
  readonly name: string;
  readonly args: readonly unknown[];
}

/** What a guest answers; `id` 0: its program has started. */
export interface GuestAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Processes of a guest. What writes answers an errno's name or a program's words, or `done`. */
export interface GuestProcesses {
  /** Writes a text to the raw disk, past the cache. */
  readonly writeRaw: (path: string, text: string) => Promise<string>;
  readonly readRaw: (path: string) => Promise<string>;
  /** Writes a file, without fsync. */
  readonly writeFile: (path: string, text: string) => Promise<string>;
  readonly fsync: (path: string) => Promise<string>;
  readonly readFile: (path: string) => Promise<string>;
  readonly listFiles: (path: string) => Promise<readonly string[]>;
  readonly linkDisk: (lun: number) => Promise<void>;
  readonly run: (program: string, ...args: readonly string[]) => Promise<RunOutcome>;
}

export interface RunOutcome {
  readonly exitCode: number;
  readonly output: string;
}

/** A value on one line; sizes are bigints, which JSON lacks. */
export function toLine(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "bigint" ? { bigint: String(part) } : part,
  );
}

export function fromLine(line: string): unknown {
  return JSON.parse(line, (_, part: unknown) =>
    typeof part === "object" && part !== null && "bigint" in part ? BigInt(String(part.bigint)) : part,
  );
}
