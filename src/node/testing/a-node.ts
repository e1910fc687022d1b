import { createCallLane } from "../../adapters/linux/call-lane.ts";
import { createDurableCheckpoints } from "../../adapters/linux/checkpoints/create-durable-checkpoints.ts";
import { createModelDisk, type ModelDisk } from "../../adapters/model-host/model-disk.ts";
import { createModelMachine, type ModelMachine } from "../../adapters/model-host/model-machine.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, DiskSpec, VolumeDetail } from "../../core/api/az-volume.ts";
import { defaultDriverName } from "../../core/api/driver-name.ts";
import { nodeLabel } from "../../core/api/node-labels.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import {
  aDiskSpec,
  anAttachment,
  attachmentName,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import { type RecordChanges } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import { type StoreWorld, withStore } from "../../objects/testing/with-store.ts";
import type { InstanceMetadata } from "../../ports/cloud/instance-metadata.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { StepName } from "../../ports/steps.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { LeaseHighWaterMark } from "../../runtime/election/lease-high-water-mark.ts";
import { OperationLock } from "../../runtime/operation-lock.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { ownVolumesReconciler } from "../care/volume-reconciler.ts";
import { ConfirmedDisks } from "../confirmed-disks.ts";
import { MountLooks } from "../mount-looks.ts";
import type { NodePorts } from "../node-ports.ts";
import { ownObjectsOf } from "../scoped-store.ts";
import { publishVolume, unpublishVolume } from "../stage/publish-volume.ts";
import type { Staged, StageRequest } from "../stage/stage-request.ts";
import { stageVolume } from "../stage/stage-volume.ts";
import { unstageVolume } from "../stage/unstage-volume.ts";
import { ReleasedEpochs } from "../writer/released-epochs.ts";
import { aMachine } from "./a-machine.ts";

const LUN = 0;
/** The disk of another volume. */
export const otherUri = diskUri.replace("pvc-1", "pvc-2");
/** The replicas of a volume whose disk has shares for them. */
const REPLICAS_MAX = 2;

/** Where kubelet stages `pvc-1`. */
export const stagingPath = "/var/lib/kubelet/plugins/pvc-1/globalmount";

/** Where it publishes it for a pod. */
export const targetPath = "/var/lib/kubelet/pods/1/volumes/pvc-1/mount";

/** kubelet's request to stage `pvc-1`, as the test says otherwise. */
export function aStageRequest(overrides: Partial<StageRequest> = {}): StageRequest {
  return {
    volumeId: diskUri,
    stagingPath,
    accessType: "mount",
    fsType: "ext4",
    mountFlags: [],
    readOnly: false,
    volumeContext: {},
    ...overrides,
  };
}

type PublishRequest = Parameters<typeof publishVolume>[1];

export function aPublishRequest(overrides: Partial<PublishRequest> = {}): PublishRequest {
  return { ...aStageRequest(), targetPath, targetReadOnly: false, ...overrides };
}

/**
 * Node `node-a` on a modelled machine with the disk of `pvc-1` attached, a simulated store and a virtual
 * clock. The test acts as the controllers.
 */
export interface NodeWorld extends StoreWorld {
  /** The plug-in as it runs now. */
  readonly ports: () => NodePorts;
  readonly machine: ModelMachine;
  readonly disk: ModelDisk;
  /** The disk of the checkpoints. `fault`: why it takes no change; undefined: it does. */
  readonly rootDisk: { fault: Failure | undefined };
  /**
   * What the VM's instance metadata answers. `disks`: those that it lists; undefined: those that are
   * attached. `fault`: why it does not answer; undefined: it does.
   */
  readonly metadata: {
    disks: InstanceMetadata["dataDisks"] | undefined;
    fault: Failure | undefined;
    /** How often it was asked. */
    asked: number;
  };
  /** Kills the plug-in, whose commands survive unless they die with it, and starts another one. */
  readonly restartPlugin: (how?: { readonly childrenSurvive: boolean }) => void;
  /** What the store says of the disk. */
  detail(): VolumeDetail | undefined;
  /** Grants the volume to this node, in the next epoch. */
  grantAgain(): Promise<void>;
  /** Records that the volume has a file system, or removes that. */
  setFormatted(formatted: { readonly fsType: string; readonly uuid: string } | undefined): Promise<void>;
  /** Changes the volume's spec as it was when it was made; the cache shows it at once. */
  setVolume(change: (volume: AzVolume) => AzVolume): Promise<void>;
  attachment(): AzVolumeAttachment | undefined;
  /**
   * Changes it as another client does, or removes it where `change` returns undefined; the cache shows it
   * at once.
   */
  setAttachment(change: (attachment: AzVolumeAttachment) => AzVolumeAttachment | undefined): Promise<void>;
  /** kubelet's calls about `pvc-1`, as the test says otherwise, with time until they have answered. */
  stage(overrides?: Partial<StageRequest>, ports?: NodePorts): Promise<Result<Staged>>;
  unstage(overrides?: Partial<StageRequest>, ports?: NodePorts): Promise<Result<void>>;
  publish(overrides?: Partial<PublishRequest>, ports?: NodePorts): Promise<Result<void>>;
  unpublish(overrides?: Partial<PublishRequest>, ports?: NodePorts): Promise<Result<void>>;
  /** A pass of the plug-in over `pvc-1`. */
  reconcile(ports?: NodePorts): Promise<Reconciled>;
  /** Runs once, right before the step of that name. */
  readonly during: Partial<Record<StepName, () => Promise<unknown>>>;
}

/** A disk and a machine, as a test says otherwise. */
interface NodeOptions {
  readonly mayGrowMountedExt?: boolean;
  readonly reusesNumbers?: boolean;
  /** Fields of the disk as CreateVolume has requested it. */
  readonly disk?: Partial<DiskSpec>;
}

/** Runs `act` in a world in which `pvc-1` has the record given and is published to node-a. */
export function withNode(
  record: RecordChanges,
  act: (world: NodeWorld) => Promise<void>,
  options: NodeOptions = {},
): Promise<void> {
  return withStore(
    {
      client: "node-a",
      kinds: ["AzVolume", "AzVolumeAttachment", "AzDriverNode"],
      follow: (store) => ownObjectsOf(store, "node-a"),
    },
    async (stored) => {
      const world = aNodeOn(stored, options);
      const disk = aDiskSpec(options.disk);
      const maxMountReplicaCount = Math.min(REPLICAS_MAX, disk.maxShares - 1);
      await world.given("AzVolume", aVolumeWithRecord(record, { disk, maxMountReplicaCount }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { lun: LUN } }));
      await act(world);
    },
  );
}

function aNodeOn(stored: StoreWorld, { disk: _, ...machineOptions }: NodeOptions): NodeWorld {
  const { answerOf, cache, clock, noting, random, simulated, store, setRecord } = stored;
  const never = new AbortController().signal;
  const disk = createModelDisk({ diskUri, sizeBytes: gibToBytes(10) });
  const listed = new Map<number, string>();
  const machine = listedIn(listed, createModelMachine({ nodeName: "node-a", clock, ...machineOptions }));
  machine.attach({ lun: LUN, disk });
  const metadata: NodeWorld["metadata"] = { disks: undefined, fault: undefined, asked: 0 };
  const during: NodeWorld["during"] = {};
  const rootDisk: NodeWorld["rootDisk"] = { fault: undefined };
  const checkpoints = memoryCheckpoints(() => rootDisk.fault);
  let leaseHighWaterMark = new LeaseHighWaterMark();
  let released = new ReleasedEpochs();
  let looks = new MountLooks();
  let confirmed = new ConfirmedDisks();
  let host: HostProvisioner = machine.startPlugin();

  const name = attachmentName("node-a");
  const ownAttachment = (): AzVolumeAttachment | undefined =>
    simulated.objects("AzVolumeAttachment").find(({ metadata }) => metadata.name === name);

  const ports = (): NodePorts => ({
    store,
    cache,
    host,
    checkpoints,
    clock,
    random,
    steps: {
      run: (step, action) =>
        noting.steps.run(step, async () => {
          const before = during[step];
          delete during[step];
          await before?.();
          return action();
        }),
    },
    events: noting.events,
    logger: silentLogger,
    locks: new OperationLock(),
    leaseHighWaterMark,
    released,
    disputes: new Map(),
    looks,
    confirmed,
    metadata: {
      read: async () => {
        metadata.asked += 1;
        const present = [...listed].map(([lun, uri]) => ({ lun, diskUri: uri }));
        return metadata.fault === undefined
          ? ok(aMachine({ dataDisks: metadata.disks ?? present }))
          : fail(metadata.fault);
      },
    },
    node: {
      ...identity("node-a"),
      location: "eastus",
      vmSize: "",
      zone: "1",
      zoneLabel: undefined,
      busType: "SCSI",
    },
    volumeLimit: { measure: async () => 8, learn: () => undefined },
    driverName: defaultDriverName,
    otherDriver: () => undefined,
    settings: {
      platform: "linux",
      driverVersion: "0.0.0-test",
      attach: "kubernetes",
      reservations: false,
      stageWaitMs: 100_000,
      deviceWaitMs: 60_000,
      heartbeatMs: 10_000,
      allowedRoots: ["/var/lib/kubelet"],
    },
  });

  return {
    ...stored,
    ports,
    machine,
    disk,
    rootDisk,
    metadata,
    // The cache has only volumes with the node's label.
    given: (kind, { metadata, ...object }) =>
      stored.given(kind, { ...object, metadata: { ...metadata, labels: { [nodeLabel("node-a")]: "" } } }),
    restartPlugin: (how = { childrenSurvive: true }) => {
      machine.killPlugin(host, how);
      host = machine.startPlugin();
      leaseHighWaterMark = new LeaseHighWaterMark();
      released = new ReleasedEpochs();
      looks = new MountLooks();
      confirmed = new ConfirmedDisks();
    },
    detail: () => stored.volume()?.status?.detail,
    grantAgain: () =>
      setRecord((record) => {
        const epoch = record.epoch + 1;
        return { ...record, writer: aWriter("node-a", { held: false, epoch }), epoch };
      }),
    setFormatted: async (formatted) => {
      const present = await must(store.get("AzVolume", "pvc-1", never));
      invariant(present.status?.detail !== undefined, "pvc-1 has no disk");
      const { formatted: _, ...detail } = present.status.detail;
      const known =
        formatted === undefined
          ? {}
          : { formatted: { ...formatted, nodeName: "node-b", time: "2026-01-01T00:00:00.000Z" } };
      const status = { ...present.status, detail: { ...detail, ...known } };
      await must(store.updateStatus("AzVolume", { ...present, status }, never));
    },
    setVolume: async (change) => {
      const present = await must(store.get("AzVolume", "pvc-1", never));
      cache.remember("AzVolume", await must(store.update("AzVolume", change(present), never)));
    },
    attachment: () => ownAttachment(),
    setAttachment: async (change) => {
      const present = ownAttachment();
      invariant(present !== undefined, "pvc-1 has no attachment");
      const next = change(present);
      const written = await must(
        store.update(
          "AzVolumeAttachment",
          next ?? { ...present, metadata: { ...present.metadata, finalizers: [] } },
          never,
        ),
      );
      if (next !== undefined) {
        cache.remember(
          "AzVolumeAttachment",
          await must(
            store.updateStatus("AzVolumeAttachment", { ...next, metadata: written.metadata }, never),
          ),
        );
        return;
      }
      await must(store.delete("AzVolumeAttachment", name, {}, never));
      cache.remember("AzVolumeAttachment", {
        ...written,
        metadata: { ...written.metadata, deletionTimestamp: written.metadata.creationTimestamp },
      });
    },
    stage: (overrides, given = ports()) => answerOf(stageVolume(given, aStageRequest(overrides), never)),
    unstage: (overrides, given = ports()) => answerOf(unstageVolume(given, aStageRequest(overrides), never)),
    publish: (overrides, given = ports()) =>
      answerOf(publishVolume(given, aPublishRequest(overrides), never)),
    unpublish: (overrides, given = ports()) =>
      answerOf(unpublishVolume(given, aPublishRequest(overrides), never)),
    reconcile: (given = ports()) => answerOf(ownVolumesReconciler(given).reconcile("pvc-1", never)),
    during,
  };
}

/** A machine that keeps the list of its disks, as Azure does. */
function listedIn(listed: Map<number, string>, machine: ModelMachine): ModelMachine {
  return {
    ...machine,
    attach: (at) => {
      listed.set(at.lun, at.disk.diskUri);
      machine.attach(at);
    },
    replace: (at) => {
      listed.set(at.lun, at.disk.diskUri);
      machine.replace(at);
    },
    detach: (lun) => {
      listed.delete(lun);
      machine.detach(lun);
    },
    cutOff: (lun) => {
      listed.delete(lun);
      machine.cutOff(lun);
    },
  };
}

export function anotherDisk(sizeGiB = 10): ModelDisk {
  return createModelDisk({ diskUri: otherUri, sizeBytes: gibToBytes(sizeGiB) });
}

/** Checkpoints without a file, on a root disk that takes no change while there is a `fault`. */
export function memoryCheckpoints(fault: () => Failure | undefined = () => undefined): NodeCheckpoints {
  return createDurableCheckpoints(
    { bootId: undefined, heartbeat: 0, volumes: [] },
    async () => {
      const failure = fault();
      return failure === undefined ? ok(undefined) : fail(failure);
    },
    { lane: createCallLane() },
  );
}
