import { noClusterVolumes } from "../../adapters/embedded/no-cluster-volumes.ts";
import type { SimulatedCommit } from "../../adapters/simulated-store/simulated-store.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { isSameVmId } from "../../core/api/identity/node-identity.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { mayRun, type PowerState } from "../../core/azure/power-state.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { OrchestratorNode } from "../../core/schedule/orchestrator-node.ts";
import { placementUnknown } from "../../core/schedule/pod-rules.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import { attachmentName, diskUri, instanceUriOf, settings } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { type StoreWorld, withStore } from "../../objects/testing/with-store.ts";
import type { BarrierMode, CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { LeaseHighWaterMark } from "../../runtime/election/lease-high-water-mark.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { createControllerPorts } from "../create-controller-ports.ts";
import { aDisk } from "./a-disk.ts";
import { anInstance } from "./an-instance.ts";

type Meeting = () => Promise<void>;

/**
 * A controller's ports on a simulated store, with an Azure and an orchestrator that the test controls.
 */
export interface ReconcileWorld extends StoreWorld {
  readonly ports: ControllerPorts;
  /** Nodes that have the disk of `pvc-1` attached. */
  readonly attachedTo: Set<string>;
  /** VMs that exist, with their GUIDs, by resource id. */
  readonly instances: Map<string, string>;
  /** VMs that are not running, by resource id. */
  readonly powerStates: Map<string, PowerState>;
  /** The lanes in which VMs were read; undefined: the default. */
  readonly readLanes: Set<Lane | undefined>;
  /** Set where Azure fails to read any VM. */
  inspectFailure: Failure | undefined;
  /** Disks that exist, by URI. */
  readonly disks: Set<string>;
  /** Runs once, during that call of Azure. */
  readonly during: Partial<Record<BarrierMode | "attachDisk" | "detachDisk" | "powerOff" | "users", Meeting>>;
  /** What the orchestrator reports of the volume's users, past every cache, and how often it was asked. */
  use: VolumeUse;
  asked: number;
  readonly outOfService: Set<string>;
  readonly markedByDriver: Set<string>;
  /** Nodes from whose kubelet the orchestrator receives nothing. */
  readonly unreachable: Set<string>;
  /** Names of nodes that are unschedulable past the cache, which shows none as that. */
  readonly unschedulable: Set<string>;
  /** The nodes of VMs, by resource id, according to the orchestrator's nodes. */
  readonly nodeNames: Map<string, string>;
  /** The uids of the orchestrator's nodes, by name. */
  readonly nodeUids: Map<string, string>;
  /** Nodes that the orchestrator no longer has. */
  readonly gone: Set<string>;
  readonly commits: readonly SimulatedCommit[];
  /** Makes a backup of the store; the returned function restores it. */
  backUp(): () => void;
  /** Marks an object for deletion as another client does, and waits until the cache shows it. */
  markDeleted(kind: "AzVolume" | "AzVolumeAttachment", name: string): Promise<void>;
  attachment(nodeName: string): AzVolumeAttachment | undefined;
  /** Names of the AzDriverNodes that are not deleted. */
  driverNodes(): readonly string[];
  /** A heartbeat of a node's plug-in, which the cache shows. */
  beat(nodeName: string): Promise<void>;
}

/** For a loop of the volume whose test expects no read of a VM. */
export function asksNothing(volumeName: string): void {
  invariant(false, `Azure would be asked whether a VM of ${volumeName} still exists`);
}

/** Runs `act` in a world of its own. */
export function withControllerPorts(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  return withStore(
    { client: "controller", kinds: ["AzVolume", "AzVolumeAttachment", "AzDriverNode", "Lease"] },
    (stored) => act(aReconcileWorld(stored)),
  );
}

function aReconcileWorld(stored: StoreWorld): ReconcileWorld {
  const { cache, clock, noting, other, random, simulated, store, until } = stored;
  const never = new AbortController().signal;
  const commits: SimulatedCommit[] = [];
  simulated.onCommit((commit) => commits.push(commit));
  const meet = async (where: keyof ReconcileWorld["during"]): Promise<void> => {
    const meeting = world.during[where];
    delete world.during[where];
    await meeting?.();
  };

  const vmOf = (nodeName: string): Pick<OrchestratorNode, "instanceUri" | "nodeUid"> => {
    const named = [...world.nodeNames].find(([, name]) => name === nodeName);
    const nodeUid = world.nodeUids.get(nodeName);
    if (world.gone.has(nodeName)) return {};
    return {
      ...(named === undefined ? {} : { instanceUri: named[0] }),
      ...(nodeUid === undefined ? {} : { nodeUid }),
    };
  };

  const isMarkable = ({ nodeName, nodeUid }: { readonly nodeName: string; readonly nodeUid: string }) =>
    world.nodeUids.get(nodeName) === nodeUid &&
    world.unreachable.has(nodeName) &&
    !world.outOfService.has(nodeName);

  const users: VolumeUsers = {
    on: async () => {
      world.asked += 1;
      await meet("users");
      return world.use;
    },
    cachedOn: () => ({ kind: "unused" }),
    isOutOfService: (nodeName) => Promise.resolve(world.outOfService.has(nodeName)),
    isUnschedulable: (nodeName) => Promise.resolve(world.unschedulable.has(nodeName)),
    cachedNode: (nodeName) => ({
      isGone: world.gone.has(nodeName),
      isOutOfService: world.outOfService.has(nodeName),
      isMarkedByDriver: world.markedByDriver.has(nodeName),
      isUnschedulable: false,
      ...vmOf(nodeName),
      labels: {},
      taints: world.unreachable.has(nodeName)
        ? [{ key: "node.kubernetes.io/unreachable", value: "", effect: "NoExecute" }]
        : [],
    }),
    cachedPods: () => [],
    cachedNodeNameOf: (instanceUri) => world.nodeNames.get(instanceUri),
    cachedPlacement: () => placementUnknown,
    cachedClaimPods: () => [],
    cachedCompanions: () => [],
    onChange: () => {},
  };

  const world: ReconcileWorld = {
    ...stored,
    ports: createControllerPorts({
      store,
      cache,
      cloud: aCloud(() => world, meet),
      users,
      clusterVolumes: noClusterVolumes,
      marks: {
        isMarkable: async (node) => ok(isMarkable(node)),
        mark: async ({ nodeName, nodeUid }) => {
          if (!isMarkable({ nodeName, nodeUid })) return ok(false);
          world.outOfService.add(nodeName);
          world.markedByDriver.add(nodeName);
          return ok(true);
        },
        unmark: async ({ nodeName, nodeUid }) => {
          if (world.nodeUids.get(nodeName) !== nodeUid || !world.markedByDriver.delete(nodeName))
            return ok(false);
          world.outOfService.delete(nodeName);
          return ok(true);
        },
      },
      clock,
      random,
      ...noting,
      logger: silentLogger,
      leaseHighWaterMark: new LeaseHighWaterMark(),
      settings,
      attach: "kubernetes",
      clusterId: "cluster-1",
      trustsUnnamedVms: true,
    }),
    attachedTo: new Set(),
    instances: new Map(),
    powerStates: new Map(),
    readLanes: new Set(),
    inspectFailure: undefined,
    disks: new Set(),
    during: {},
    use: { kind: "unused" },
    asked: 0,
    outOfService: new Set(),
    markedByDriver: new Set(),
    unreachable: new Set(),
    unschedulable: new Set(),
    nodeNames: new Map(
      ["node-a", "node-b", "node-c", "node-d"].map((nodeName) => [instanceUriOf(nodeName), nodeName]),
    ),
    nodeUids: new Map(),
    gone: new Set(),
    commits,
    backUp: () => {
      const backup = simulated.snapshot();
      return () => simulated.restore(backup);
    },
    markDeleted: async (kind, name) => {
      await must(other.delete(kind, name, {}, never));
      await until(() => cache.get(kind, name)?.metadata.deletionTimestamp !== undefined);
    },
    driverNodes: () =>
      simulated
        .objects("AzDriverNode")
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .map(({ metadata }) => metadata.name),
    beat: async (nodeName) => {
      const present = await must(other.get("AzDriverNode", nodeName, never));
      invariant(present.status !== undefined, `${nodeName} has never beaten`);
      const status = { ...present.status, heartbeat: present.status.heartbeat + 1 };
      await must(other.updateStatus("AzDriverNode", { ...present, status }, never));
    },
    attachment: (nodeName) =>
      simulated
        .objects("AzVolumeAttachment")
        .find(({ metadata }) => metadata.name === attachmentName(nodeName)),
  };

  return world;
}

/** An Azure with one disk whose calls succeed where allowed. */
function aCloud(
  world: () => ReconcileWorld,
  meet: (where: BarrierMode | "attachDisk" | "detachDisk" | "powerOff") => Promise<void>,
): CloudProvisioner {
  const unused = (): never => invariant(false, "this test does not ask this of Azure") as never;
  const refused = (diskUri: string, nodeName: string): Result<never> =>
    fail({ kind: "Refused", diskUri, nodeName });
  return {
    createDisk: unused,
    diskUriOf: ({ diskName }) => diskUri.replace(/[^/]+$/u, diskName),
    deleteDisk: ({ diskUri }) => {
      world().disks.delete(diskUri);
      return Promise.resolve(ok(undefined));
    },
    resizeDisk: unused,
    updateDisk: unused,
    tagDisk: unused,
    forgetWrites: () => {},
    listDisks: async () => ok([...world().disks].map((diskUri) => aDisk({ diskUri }))),
    getDisk: ({ diskUri }) =>
      Promise.resolve(
        world().disks.has(diskUri) ? ok(aDisk({ diskUri })) : fail({ kind: "DiskNotFound", diskUri }),
      ),
    attachDisk: async ({ diskUri, node, precondition }, signal) => {
      if (!(await precondition(signal))) return refused(diskUri, node.nodeName);
      world().attachedTo.add(node.nodeName);
      await meet("attachDisk");
      return ok({ lun: 0 });
    },
    detachDisk: async ({ diskUri, node, precondition }, signal) => {
      await meet("detachDisk");
      if (!(await precondition(signal))) return refused(diskUri, node.nodeName);
      world().attachedTo.delete(node.nodeName);
      return ok(undefined);
    },
    barrier: async ({ diskUri, node, mode, precondition }, signal) => {
      if (mode === "prove" && world().attachedTo.has(node.nodeName)) return ok(undefined);
      if (!(await precondition(signal))) return refused(diskUri, node.nodeName);
      if (mode === "fence") world().attachedTo.delete(node.nodeName);
      await meet(mode);
      return ok(mode === "flush" ? undefined : { kind: "entryGone", detail: "the VM does not list it" });
    },
    dataDisksMax: async () => undefined,
    inspectInstance: async ({ nodeName, instanceUri, lane }) => {
      world().readLanes.add(lane);
      const failure = world().inspectFailure;
      if (failure !== undefined) return fail(failure);
      const vmId = world().instances.get(instanceUri);
      return vmId === undefined
        ? fail({ kind: "InstanceNotFound", nodeName })
        : ok(
            anInstance(nodeName, {
              vmId,
              instanceUri,
              powerState: world().powerStates.get(instanceUri) ?? "running",
            }),
          );
    },
    powerOff: async ({ node: { nodeName, instanceUri, vmId }, precondition }, signal) => {
      await meet("powerOff");
      const failure = world().inspectFailure;
      if (failure !== undefined) return fail(failure);
      const present = world().instances.get(instanceUri) ?? "";
      if (!isSameVmId(present, vmId)) return fail({ kind: "InstanceReplaced", nodeName, vmId: present });
      const isAllowed =
        mayRun(world().powerStates.get(instanceUri) ?? "running") && (await precondition(signal));
      if (isAllowed !== true) return isAllowed ? fail(isAllowed) : ok(false);
      world().powerStates.set(instanceUri, "stopped");
      return ok(true);
    },
    proveGone: async ({ node }) => {
      const failure = world().inspectFailure;
      if (failure !== undefined) return fail(failure);
      const vmId = world().instances.get(node.instanceUri);
      if (vmId === undefined) return ok({ kind: "instanceGone", detail: "there is no such VM" });
      return isSameVmId(vmId, node.vmId)
        ? ok(undefined)
        : ok({ kind: "instanceGone", detail: "it is another VM" });
    },
  };
}
