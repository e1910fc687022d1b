import type { Child } from "./child.ts";

/** A process of the lab's that can be started again: the same program, on the same files. */
export interface LabProcess {
  /** The one that runs now, or ran last. */
  readonly child: Child;
  /**
   * How each one since the last restart died that nobody had told to: its exit code or the signal that
   * killed it. Whoever has taken note may clear it.
   */
  readonly deaths: string[];
  /** Waits until it says that it is ready; one that dies on the way is waited for in its successor. */
  untilReady(): Promise<string>;
  /**
   * Ends it, starts it again, and waits until it is ready. `env` comes on top of the lab's own, in later
   * revivals, too.
   */
  restart(env?: NodeJS.ProcessEnv): Promise<void>;
  /** From now on it is not revived any more. */
  retire(): void;
}

/** How a process of the lab's is started. */
export interface LabProcessOptions {
  readonly start: (env: NodeJS.ProcessEnv) => Child;
  readonly isReady: (line: string) => boolean;
  /** Deaths after a restart that it is revived from, as by a supervisor. */
  readonly revivalsMax: number;
}

const READY_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;

/** Starts a process of the lab's; it may not be ready yet. */
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
