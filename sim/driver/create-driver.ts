import type { SimMachine } from "../azure/sim-machine.ts";
import { type ControllerPlace, createControllerPlace, type DriverWorld } from "./create-controller-place.ts";
import { createNodePlace, type NodePlace } from "./create-node-place.ts";
import type { DriverEndpoints } from "./endpoints.ts";
import { createMachineCheckpoints } from "./machine-checkpoints.ts";
import type { ControllerSlot, NodePluginSlot } from "./process-slot.ts";

/** All processes of the driver. */
export interface SimDriver {
  readonly controllers: readonly ControllerSlot[];
  nodePlugin(nodeName: string): NodePluginSlot | undefined;
  readonly endpoints: DriverEndpoints;
  /** Starts the controllers; node plug-ins start with their machines. */
  start(): void;
  /** Ends everything at once, at the end of the world. */
  end(): void;
}

/**
 * How long the sidecars of another controller take to lead after this one's have become silent, in
 * milliseconds: their Lease.
 */
const SIDECAR_LEASE_MS = 15_000;

/** A driver without a running process. */
export function createDriver(controllerCount: number, world: DriverWorld): SimDriver {
  const controllers = Array.from({ length: controllerCount }, (_, index) =>
    createControllerPlace(`controller-${index + 1}`, world),
  );
  const nodes = new Map<string, NodePlace>();
  /** Of machines that run although another one has their node's name by now. */
  const twins: NodePlace[] = [];
  const checkpoints = createMachineCheckpoints();
  const sidecars = createSidecarLease(controllers, world);
  const follow = (machine: SimMachine): void => {
    const { nodeName } = machine;
    for (const place of nodes.values()) if (place.machine() === machine) place.leave();
    const earlier = nodes.get(nodeName);
    // Its plug-in stays and runs on, under the name that another machine has, too.
    const isShared = earlier?.machine()?.state() === "running";
    if (isShared) twins.push(earlier);
    const place = isShared ? undefined : earlier;
    const next = place ?? createNodePlace(nodeName, checkpoints, world);
    nodes.set(nodeName, next);
    next.onMachine(machine);
  };
  for (const machine of world.azure.machines()) follow(machine);
  world.azure.onMachine(follow);
  return {
    controllers: controllers.map(({ slot }) => slot),
    nodePlugin: (nodeName) => nodes.get(nodeName)?.slot,
    endpoints: {
      controller: () => sidecars.leading()?.csi(),
      node: (nodeName) => nodes.get(nodeName)?.csi(),
    },
    start: () => {
      for (const { slot } of controllers) slot.start();
    },
    end: () => {
      for (const { slot } of [...controllers, ...nodes.values(), ...twins]) slot.kill();
    },
  };
}

/**
 * Which controller's sidecars lead: they keep their Lease while their driver answers, and lose it some
 * time after it has stopped.
 */
function createSidecarLease(
  controllers: readonly ControllerPlace[],
  { clock }: Pick<DriverWorld, "clock">,
): { readonly leading: () => ControllerPlace | undefined } {
  const answers = (place: ControllerPlace | undefined): boolean =>
    place?.csi() !== undefined && !place.slot.isPaused();
  let holder: ControllerPlace | undefined;
  let silentSinceMs: number | undefined;
  return {
    leading: () => {
      if (answers(holder)) silentSinceMs = undefined;
      else silentSinceMs ??= clock.elapsedMs();
      const isFree =
        holder === undefined ||
        (silentSinceMs !== undefined && clock.elapsedMs() - silentSinceMs >= SIDECAR_LEASE_MS);
      if (isFree) holder = controllers.find(answers) ?? holder;
      return holder;
    },
  };
}
