import type { Clock } from "../../../src/ports/clock.ts";
import type { Random } from "../../../src/ports/random.ts";
import { unlessAborted } from "../../../src/runtime/unless-aborted.ts";
import type { SimMachine } from "../../azure/sim-machine.ts";
import type { DriverEndpoints } from "../../driver/endpoints.ts";
import type { ContainerIo } from "../../history/container-io.ts";
import type { Trace } from "../../trace.ts";
import type { ApiChange } from "../api/api-objects.ts";
import type { ApiReads, ApiServer } from "../api/api-server.ts";
import { createApiView } from "../api/api-view.ts";
import { between } from "../api/between.ts";
import { createLifetime, type Lifetime } from "../api/lifetime.ts";
import { createSwitch, type Switch } from "../api/switch.ts";
import { createTaskGroup } from "../api/task-group.ts";
import { type Container, type ContainerRuntime, createContainerRuntime } from "./container-runtime.ts";
import type { KubeletContext } from "./kubelet-context.ts";
import { createKubeletFiles, type KubeletFiles } from "./kubelet-files.ts";
import { runKubeletProcess } from "./kubelet-process.ts";

/** From its start until it manages pods, in milliseconds. */
const START_MS = [1_000, 3_000] as const;
const VIEW_DELAY_MS = [2, 60] as const;

/** The kubelets of all machines. */
export interface Kubelets {
  /** A node of the cluster; its kubelet runs whenever its machine does. */
  add(nodeName: string, zone: string): void;
  /** Registers a new machine, or one whose kubelet has another name from now on. */
  meet(machine: SimMachine): void;
  setReachable(nodeName: string, isReachable: boolean): void;
  setRunning(nodeName: string, isRunning: boolean): void;
  /** Starts it again; from now on it lists and watches there. */
  restart(nodeName: string, reads: ApiReads): void;
  containersOn(nodeName: string): readonly Container[];
  /**
   * The node's container runtime loses what it knows of a volume's container, which runs on: for the kubelet
   * it has ended. Returns that container; undefined if none runs.
   */
  forgetContainer(nodeName: string, volumeName: string): Container | undefined;
  /** Pods whose volume has been published on the node, and is not being unpublished. */
  publishedOn(nodeName: string): readonly { readonly podUid: string; readonly volumeName: string }[];
}

/** The dependencies of kubelets. */
export interface KubeletsOptions {
  readonly api: ApiServer;
  readonly clock: Clock;
  readonly random: (name: string) => Random;
  readonly trace: Trace;
  readonly endpoints: DriverEndpoints;
  readonly containers: ContainerIo;
  readonly attach: "kubernetes" | "driver";
  readonly statusTickMs: number;
  /** Azure's region. */
  readonly location: string;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

/** A place for a kubelet, over all its processes and machines. */
interface Place {
  readonly nodeName: string;
  readonly zone: string;
  readonly random: Random;
  readonly reachable: Switch;
  shouldRun: boolean;
  reads: ApiReads;
  machine: SimMachine | undefined;
  /** Machines that had the name once: they may get it again. */
  readonly met: WeakSet<SimMachine>;
  files: KubeletFiles;
  /** The OS disk with these files. */
  osDisk: number;
  runtime: ContainerRuntime | undefined;
  process: Lifetime | undefined;
}

const STOPPED = new Error("the kubelet is stopped");

/** No kubelet yet. */
export function createKubelets(options: KubeletsOptions): Kubelets {
  const { api, clock, endpoints } = options;
  const places = new Map<string, Place>();

  /** Everything on a machine ends with its boot, and starts with the next one. */
  function boot(place: Place, machine: SimMachine): void {
    if (place.machine !== machine) return;
    const life = createLifetime(machine.boot(), options.signal);
    if (life.signal.aborted) return;
    const tasks = createTaskGroup(life.signal, options.onFailure);
    const runtime = createContainerRuntime({ io: options.containers, machine, tasks });
    place.runtime = runtime;
    if (place.osDisk !== machine.osDisk()) place.files = createKubeletFiles();
    place.osDisk = machine.osDisk();
    place.files.published.clear();
    life.signal.addEventListener("abort", () => {
      if (place.runtime === runtime) place.runtime = undefined;
    });
    if (place.shouldRun) startProcess(place, machine, runtime);
  }

  /** Its kubelet starts again under another name: its folders stay, and so does what runs on it. */
  function takeOver(place: Place, earlier: Place, machine: SimMachine): void {
    const { runtime } = earlier;
    earlier.process?.end(STOPPED);
    place.files = earlier.files;
    place.osDisk = earlier.osDisk;
    place.runtime = runtime;
    earlier.machine = undefined;
    earlier.runtime = undefined;
    earlier.files = createKubeletFiles();
    if (runtime === undefined) return;
    createLifetime(machine.boot(), options.signal).signal.addEventListener("abort", () => {
      if (place.runtime === runtime) place.runtime = undefined;
    });
    if (place.shouldRun) startProcess(place, machine, runtime);
  }

  function startProcess(place: Place, machine: SimMachine, runtime: ContainerRuntime): void {
    const { nodeName, zone, random, reachable, files, reads } = place;
    const process = createLifetime(machine.boot(), options.signal);
    place.process = process;
    const tasks = createTaskGroup(process.signal, options.onFailure);
    const untilReachable = async (signal: AbortSignal): Promise<void> => {
      while (!isReachable() || machine.state() !== "running") {
        await reachable.untilOn(signal);
        await api.untilReachable(signal);
        await unlessAborted(machine.passed(), signal);
      }
      signal.throwIfAborted();
    };
    const isReachable = (): boolean => reachable.isOn() && api.isReachable();
    tasks.start(async (signal) => {
      await machine.clock.sleep(between(random, START_MS), signal);
      await untilReachable(signal);
      const follows = (change: ApiChange): boolean => isAbout(change, nodeName);
      const kinds = ["Pod", "Node", "PersistentVolume"] as const;
      const view = createApiView({
        api: reads,
        clock,
        random,
        tasks,
        delayMs: () => VIEW_DELAY_MS,
        untilReachable,
        kinds,
        follows,
      });
      const { trace, attach, statusTickMs, location } = options;
      const csi = (): ReturnType<DriverEndpoints["node"]> => endpoints.node(nodeName);
      const own = {
        nodeName,
        zone,
        location,
        machine,
        clock: machine.clock,
        files,
        runtime,
        csi,
        untilReachable,
        isReachable,
      };
      const context: KubeletContext = { ...own, api, view, random, tasks, trace, attach, statusTickMs };
      await runKubeletProcess(context, () => clock.elapsedMs());
    });
  }

  function setRunning(nodeName: string, isRunning: boolean): void {
    const place = places.get(nodeName);
    if (place === undefined || place.shouldRun === isRunning) return;
    place.shouldRun = isRunning;
    if (!isRunning) place.process?.end(STOPPED);
    else if (place.machine !== undefined && place.runtime !== undefined)
      startProcess(place, place.machine, place.runtime);
  }

  return {
    add: (nodeName, zone) => {
      if (places.has(nodeName)) return;
      places.set(nodeName, {
        nodeName,
        zone,
        random: options.random(`kubelet ${nodeName}`),
        reachable: createSwitch(),
        shouldRun: true,
        reads: api,
        machine: undefined,
        met: new WeakSet(),
        files: createKubeletFiles(),
        osDisk: 0,
        runtime: undefined,
        process: undefined,
      });
    },
    meet: (machine) => {
      const place = places.get(machine.nodeName);
      if (place === undefined || place.machine === machine) return;
      const earlier = [...places.values()].find((other) => other.machine === machine);
      place.machine = machine;
      if (!place.met.has(machine)) machine.onBoot(() => boot(place, machine));
      place.met.add(machine);
      if (earlier === undefined) {
        place.files = createKubeletFiles();
        place.osDisk = machine.osDisk();
        boot(place, machine);
      } else takeOver(place, earlier, machine);
    },
    setReachable: (nodeName, isReachable) => places.get(nodeName)?.reachable.set(isReachable),
    setRunning,
    restart: (nodeName, reads) => {
      const place = places.get(nodeName);
      if (place === undefined) return;
      place.reads = reads;
      setRunning(nodeName, false);
      setRunning(nodeName, true);
    },
    containersOn: (nodeName) => places.get(nodeName)?.runtime?.list() ?? [],
    forgetContainer: (nodeName, volumeName) => {
      const runtime = places.get(nodeName)?.runtime;
      const container = runtime?.list().find((other) => other.volumeName === volumeName);
      if (container !== undefined) runtime?.forget(container.podUid);
      return container;
    },
    publishedOn: (nodeName) =>
      [...(places.get(nodeName)?.files.published ?? [])].map(([podUid, volumeName]) => ({
        podUid,
        volumeName,
      })),
  };
}

/** A kubelet follows its own Node and the pods that are bound to it; of volumes it needs only the growth. */
function isAbout({ kind, previous, current }: ApiChange, nodeName: string): boolean {
  switch (kind) {
    case "Pod":
      return current?.nodeName === nodeName;
    case "Node":
      return (current ?? previous)?.name === nodeName;
    case "PersistentVolume":
      return previous !== undefined && current !== undefined && previous.sizeGiB !== current.sizeGiB;
    default:
      return false;
  }
}
