import type { SimMachine } from "../../azure/sim-machine.ts";
import type { ContainerIo, RunningContainer } from "../../history/container-io.ts";
import type { TaskGroup } from "../api/task-group.ts";

/** A container on a machine. */
export interface Container {
  readonly podUid: string;
  readonly podName: string;
  readonly volumeName: string;
  /** Asks it to end: SIGTERM. */
  stop(): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<"stopped" | "failed">;
}

/** Runs a machine's containers: independent of the kubelet; everything ends with the boot. */
export interface ContainerRuntime {
  start(container: Omit<RunningContainer, "machine">): Container;
  get(podUid: string): Container | undefined;
  list(): readonly Container[];
  /** It knows no container of that pod any more, and whatever runs there runs on. */
  forget(podUid: string): void;
}

const STOP = new Error("SIGTERM");

/** The runtime of one boot. */
export function createContainerRuntime({
  io,
  machine,
  tasks,
}: {
  readonly io: ContainerIo;
  readonly machine: SimMachine;
  readonly tasks: TaskGroup;
}): ContainerRuntime {
  const containers = new Map<string, Container>();
  return {
    start: (started) => {
      const stopping = new AbortController();
      const ended = Promise.withResolvers<"stopped" | "failed">();
      const container: Container = {
        podUid: started.podUid,
        podName: started.podName,
        volumeName: started.volumeName,
        stop: () => stopping.abort(STOP),
        ended: ended.promise,
      };
      containers.set(started.podUid, container);
      tasks.start(async () => {
        const outcome = await io.run({ ...started, machine }, stopping.signal);
        if (containers.get(started.podUid) === container) containers.delete(started.podUid);
        ended.resolve(outcome);
      });
      return container;
    },
    get: (podUid) => containers.get(podUid),
    list: () => [...containers.values()],
    forget: (podUid) => {
      containers.delete(podUid);
    },
  };
}
