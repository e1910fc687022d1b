import { type Child, startChild } from "./child.ts";

/** A long-running process of the lab that can be replaced by a new one of the same command. */
export interface Service {
  readonly name: string;
  /** The process that runs now, or ran last. */
  process(): Child;
  /** How each process ended that nobody had told to: an exit code or a signal. */
  deaths(): readonly string[];
  /** Waits until it says that it is ready; a process that dies on the way is waited for in its successor. */
  untilReady(): Promise<string>;
  /** Ends it and starts it again with a changed environment; answers when it is ready. */
  restart(env: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
  /** What all its processes have logged. */
  log(): string;
}

/** How a service is run. */
export interface ServiceOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly isReady: (line: string) => boolean;
  /** Deaths after which a new process is started at once, as a supervisor would; further ones are left as they are. Default 0. */
  readonly revivalsMax?: number;
}

const READY_MAX_MS = 30_000;
const STOP_GRACE_MS = 8_000;

/** Starts a service; `untilReady` tells when it serves. */
export function startService(options: ServiceOptions): Service {
  const { name, command, isReady, revivalsMax = 0 } = options;
  const processes: Child[] = [];
  const deaths: string[] = [];
  const told = new Set<Child>();
  let extraEnv: Readonly<Record<string, string>> = {};

  const launch = (): Child => {
    const child = startChild(name, command, { ...options.env, ...extraEnv });
    processes.push(child);
    child.onEnd((how) => {
      if (told.has(child)) return;
      deaths.push(how);
      if (deaths.length <= revivalsMax) current = launch();
    });
    return child;
  };
  const end = async (child: Child): Promise<void> => {
    told.add(child);
    await child.stop(STOP_GRACE_MS);
  };
  const untilReady = async (): Promise<string> => {
    for (;;) {
      const child = current;
      try {
        return await child.untilLine(isReady, READY_MAX_MS);
      } catch (error) {
        if (current === child) throw error;
      }
    }
  };

  let current = launch();
  return {
    name,
    process: () => current,
    deaths: () => deaths,
    untilReady,
    restart: async (env) => {
      await end(current);
      extraEnv = env;
      current = launch();
      await untilReady();
    },
    stop: () => end(current),
    log: () => processes.map((child) => child.log()).join(""),
  };
}
