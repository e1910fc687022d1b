import type { Child } from "./child.ts";

/** A process of the lab that can be restarted: the same program, on the same files. */
export interface LabProcess {
  /** The current process, or the last one. */
  readonly child: Child;
  /**
   * How each process since the last restart ended unexpectedly: its exit code or the signal that killed it.
   * A caller that has handled them may clear the list.
   */
  readonly deaths: string[];
  /** Waits until the process reports that it is ready. If it ends first, waits for its successor. */
  untilReady(): Promise<string>;
  /**
   * Ends the process, starts it again, and waits until it is ready. `env` is added to the lab's own, also
   * in later restarts.
   */
  restart(env?: NodeJS.ProcessEnv): Promise<void>;
  /** Excludes the process from further automatic restarts. */
  retire(): void;
}

/** How a process of the lab's is started. */
export interface LabProcessOptions {
  readonly start: (env: NodeJS.ProcessEnv) => Child;
  readonly isReady: (line: string) => boolean;
  /** How many times the process is restarted after it has ended by itself, as by a supervisor. */
  readonly revivalsMax: number;
}

const READY_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;

/** Starts a process of the lab. It may not be ready yet. */
export function startLabProcess(options: LabProcessOptions): LabProcess {
  const deaths: string[] = [];
  const told = new Set<Child>();
  let extraEnv: NodeJS.ProcessEnv = {};
  let isRetired = false;
  const launch = (): Child => {
    const launched = options.start(extraEnv);
    launched.onEnd((how) => {
      if (told.has(launched)) return;
      deaths.push(how);
      if (!isRetired && deaths.length <= options.revivalsMax) child = launch();
    });
    return launched;
  };
  const untilReady = async (): Promise<string> => {
    for (;;) {
      const awaited = child;
      try {
        return await awaited.untilLine(options.isReady, READY_MAX_MS);
      } catch (error) {
        if (child === awaited) throw error;
      }
    }
  };

  let child = launch();
  return {
    get child() {
      return child;
    },
    deaths,
    untilReady,
    restart: async (env = {}) => {
      told.add(child);
      await child.stop(STOP_GRACE_MS);
      extraEnv = env;
      deaths.length = 0;
      child = launch();
      await untilReady();
    },
    retire: () => {
      isRetired = true;
    },
  };
}
